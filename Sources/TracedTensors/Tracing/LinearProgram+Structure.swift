import Kernels

// Structure is read off the strides: in a program whose terms lead straight from input to output,
// a term that steps through both evenly is a (piece of a) diagonal, at the offset of the two bases.

extension LinearProgram {
  /// Diagonal or banded if every term is a piece of a diagonal; else unknown.
  var structure: OperatorStructure {
    guard let direct = directPlaces, let (lower, upper) = bandwidths(direct) else {
      return .unknown
    }
    return .band(lower: lower, upper: upper)
  }

  /// The diagonals farthest from the main one, if the matrix is square and its band narrow enough
  /// to be worth it.
  private func bandwidths(_ places: [Int]) -> (lower: Int, upper: Int)? {
    guard inputCount == outputCount else { return nil }
    var (lower, upper) = (0, 0)
    for term in terms {
      let g = term.geometry
      for axis in 0..<4 where g.extents[axis] > 1 && g.output.strides[axis] != g.input.strides[axis]
      {
        return nil
      }
      let row = places[Int(term.destination)] + Int(g.output.base)
      let column = places[Int(term.source)] + Int(g.input.base)
      lower = Swift.max(lower, row - column)
      upper = Swift.max(upper, column - row)
    }
    // A band that fills a quarter of the matrix is a dense matrix to every purpose.
    return lower + upper + 1 <= Swift.max(3, inputCount / 4) ? (lower, upper) : nil
  }

  /// Where the numbers of each input start among the columns, and those of each output among the rows,
  /// if every term leads from an input straight to an output, in even steps: then the entries of the
  /// matrix are the coefficients, and can be read off. (Indexed terms lead to nodes of their own,
  /// never to an output.)
  private var directPlaces: [Int]? {
    guard maps.isEmpty else { return nil }
    var result = [Int](repeating: -1, count: counts.count)
    func place(_ nodes: [Int32]) {
      var position = 0
      for node in nodes {
        result[Int(node)] = position
        position += Int(counts[Int(node)])
      }
    }
    place(inputs)
    for term in terms where term.table >= 0 || result[Int(term.source)] < 0 { return nil }
    place(outputs)
    return result
  }

  /// The entries of a banded matrix.
  var bands: BandMatrix? {
    guard let places = directPlaces, let (lower, upper) = bandwidths(places) else { return nil }
    var matrix = BandMatrix(count: inputCount, lower: lower, upper: upper)
    let n = inputCount
    matrix.numbers.withMutablePointer { values in
      for term in terms {
        // Along a diagonal, one step of the row is one step in the array of that diagonal.
        let row = places[Int(term.destination)]
        let column = places[Int(term.source)]
        let offset = column + Int(term.geometry.input.base) - row - Int(term.geometry.output.base)
        var target = term.geometry
        target.input = StridedView()
        addEntries(of: term, target, to: values + ((offset + lower) * n + row))
      }
    }
    return matrix
  }

  /// The entries, row-major, if they can be read off the coefficients.
  var entries: [Double]? {
    guard let places = directPlaces else { return nil }
    let (m, n) = (outputCount, inputCount)
    var matrix = [Double](repeating: 0, count: m * n)
    matrix.withUnsafeMutableBufferPointer { buffer in
      guard let values = buffer.baseAddress else { return }
      for term in terms {
        let corner = values + (places[Int(term.destination)] * n + places[Int(term.source)])
        addEntries(of: term, term.geometry, to: corner, rowStride: n)
      }
    }
    return matrix
  }

  /// Adds a term's factors to a matrix: entry (o·k, i·k) of it, or entry o·k of a diagonal.
  func addEntries(
    of term: Term, _ geometry: StridedTerm, to corner: UnsafeMutablePointer<Double>,
    rowStride: Int = 1
  ) {
    var target = geometry
    let step = Int32(rowStride)
    // One output view that walks through the matrix; the "input" is the constant one.
    target.output.strides = geometry.output.strides &* step &+ geometry.input.strides
    target.output.base = geometry.output.base * step + geometry.input.base
    if rowStride == 1 { target.output = geometry.output }
    target.input = StridedView()
    var one = 1.0
    let c = term.coefficient >= 0 ? coefficients[Int(term.coefficient)].storage.values : nil
    TermExecutor.add(
      target.canonical(hasCoefficient: c != nil), scale: term.scale, bias: term.bias,
      coefficient: c, input: &one, output: corner)
  }
}
