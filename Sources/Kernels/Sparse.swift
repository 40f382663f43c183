/// Products with a matrix of few entries, kept row by row.
///
/// The entries of row `i` are `values[k]` in column `columns[k]`, for `k` in
/// `starts[i]..<starts[i + 1]`. As everywhere in this module every sum has one fixed order, no
/// product is fused into a sum, and nothing is allocated. Each entry costs one multiplication and one
/// addition for each vector that it meets.
package enum Sparse {
  /// A matrix of `rows` rows, as pointers to what somebody else keeps.
  package struct Matrix {
    package var rows: Int
    package var starts: UnsafePointer<Int32>
    package var columns: UnsafePointer<Int32>
    package var values: UnsafePointer<Double>

    package init(
      rows: Int, starts: UnsafePointer<Int32>, columns: UnsafePointer<Int32>,
      values: UnsafePointer<Double>
    ) {
      self.rows = rows
      self.starts = starts
      self.columns = columns
      self.values = values
    }
  }

  /// `y ← y − A x`.
  package static func subtractProduct(
    _ a: Matrix, _ x: UnsafePointer<Double>, from y: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<a.rows {
      var sum = y[i]
      for k in Int(a.starts[i])..<Int(a.starts[i &+ 1]) {
        sum -= a.values[k] * x[Int(a.columns[k])]
      }
      y[i] = sum
    }
  }

  /// `y ← y − Aᵀ x`.
  package static func subtractTransposedProduct(
    _ a: Matrix, _ x: UnsafePointer<Double>, from y: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<a.rows {
      let factor = x[i]
      for k in Int(a.starts[i])..<Int(a.starts[i &+ 1]) {
        y[Int(a.columns[k])] -= a.values[k] * factor
      }
    }
  }

  /// `y ← y − D x` with the diagonal matrix `D` of the given entries. No index is read, so it takes a
  /// fraction of the time of `subtractProduct`, whose bits it has.
  package static func subtractProduct(
    diagonal d: UnsafePointer<Double>, _ x: UnsafePointer<Double>,
    from y: UnsafeMutablePointer<Double>, count n: Int
  ) {
    var i = 0
    while i &+ 8 <= n {
      y.store(y.eight(at: i) - d.eight(at: i) * x.eight(at: i), at: i)
      i &+= 8
    }
    while i < n {
      y[i] = y[i] - d[i] * x[i]
      i &+= 1
    }
  }

  /// `C ← C − A B` with dense, row-major `B` and `C` of `n` columns.
  package static func subtractProduct(
    _ a: Matrix, dense b: UnsafePointer<Double>, columns n: Int,
    from c: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<a.rows {
      for k in Int(a.starts[i])..<Int(a.starts[i &+ 1]) {
        DenseLoops.addOneRow(
          b + Int(a.columns[k]) &* n, scaledBy: -a.values[k], to: c + i &* n, count: n)
      }
    }
  }

  /// `C ← C − B A` with a dense, row-major `B` of `m` rows, and `C` of `m` rows and `n` columns.
  package static func subtractProduct(
    dense b: UnsafePointer<Double>, rows m: Int, _ a: Matrix, columns n: Int,
    from c: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<m {
      subtractTransposedProduct(a, b + i &* a.rows, from: c + i &* n)
    }
  }

  /// The largest magnitudes in each row and in each column, which are raised to them.
  package static func raiseMaxima(
    _ a: Matrix, rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<a.rows {
      for k in Int(a.starts[i])..<Int(a.starts[i &+ 1]) {
        let size = a.values[k].magnitude
        if size > rows[i] { rows[i] = size }
        let j = Int(a.columns[k])
        if size > columns[j] { columns[j] = size }
      }
    }
  }

  /// The sums of the magnitudes in each row and in each column, added to what is there.
  package static func addSums(
    _ a: Matrix, rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<a.rows {
      for k in Int(a.starts[i])..<Int(a.starts[i &+ 1]) {
        let size = a.values[k].magnitude
        rows[i] += size
        columns[Int(a.columns[k])] += size
      }
    }
  }
}

extension Dense {
  /// As `Sparse.raiseMaxima`, for a row-major `m × n` matrix.
  package static func raiseMaxima(
    _ a: UnsafePointer<Double>, rowCount m: Int, columnCount n: Int,
    rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<m {
      let row = a + i &* n
      var largest = rows[i]
      for j in 0..<n {
        let size = row[j].magnitude
        if size > largest { largest = size }
        if size > columns[j] { columns[j] = size }
      }
      rows[i] = largest
    }
  }

  /// As `Sparse.addSums`, for a row-major `m × n` matrix.
  package static func addSums(
    _ a: UnsafePointer<Double>, rowCount m: Int, columnCount n: Int,
    rows: UnsafeMutablePointer<Double>, columns: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<m {
      let row = a + i &* n
      var sum = rows[i]
      for j in 0..<n {
        let size = row[j].magnitude
        sum += size
        columns[j] += size
      }
      rows[i] = sum
    }
  }
}
