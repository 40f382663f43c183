import TensorChecks

import Kernels

/// Random strided terms and the matrices they stand for.
struct TestTerm {
  var geometry: StridedTerm
  var inputCount: Int
  var outputCount: Int
  var coefficientCount: Int

  /// A box of at most four axes whose views are made of ordinary pieces (rows, columns, repeats,
  /// gaps) and stay inside arrays as long as they need.
  static func random(_ choices: inout Choices) -> TestTerm {
    var extents = SIMD4<Int32>(repeating: 1)
    var views = [StridedView(), StridedView(), StridedView()]
    let axes = choices.below(5)
    let places = [0, 1, 2, 3].sorted { _, _ in choices.below(2) == 0 }
    for k in 0..<axes { extents[places[k]] = Int32(1 + choices.below(4)) }
    for v in 0..<3 {
      // A row-major array over some of the axes in any order, with gaps now and then.
      var step: Int32 = 1
      for axis in [0, 1, 2, 3].shuffled(using: &choices) where choices.below(4) != 0 {
        if choices.below(6) == 0 { step *= 2 }
        views[v].strides[axis] = step
        step *= extents[axis]
      }
      views[v].base = Int32(choices.below(3) == 0 ? choices.below(5) : 0)
    }
    func extent(_ view: StridedView) -> Int {
      (0..<4).reduce(Int(view.base) + 1) { $0 + Int((extents[$1] - 1) * view.strides[$1]) }
    }
    return TestTerm(
      geometry: StridedTerm(
        extents: extents, output: views[0], coefficient: views[1], input: views[2]),
      inputCount: extent(views[2]), outputCount: extent(views[0]),
      coefficientCount: extent(views[1]))
  }

  /// Calls `body` with the flat positions of output, coefficient and input at each point of a box.
  static func forEachPoint(_ g: StridedTerm, _ body: (Int, Int, Int) -> Void) {
    for a in 0..<g.extents[0] {
      for b in 0..<g.extents[1] {
        for c in 0..<g.extents[2] {
          for d in 0..<g.extents[3] {
            let k = SIMD4<Int32>(a, b, c, d)
            func place(_ view: StridedView) -> Int {
              Int(view.base &+ (view.strides &* k).wrappedSum())
            }
            body(place(g.output), place(g.coefficient), place(g.input))
          }
        }
      }
    }
  }

  /// The matrix of the term: an entry for each output and input position.
  static func matrix(
    _ g: StridedTerm, rows: Int, columns: Int, factor: (_ coefficientPlace: Int) -> Double
  ) -> [Double] {
    var result = [Double](repeating: 0, count: rows * columns)
    forEachPoint(g) { o, c, i in result[o * columns + i] += factor(c) }
    return result
  }
}
