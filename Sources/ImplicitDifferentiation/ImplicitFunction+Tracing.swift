import Kernels

// An implicit function inside a function that is being differentiated, to any order.
//
// A call on traced tensors is one recorded instruction. Its two actions are the pushforward
// −A⁻¹B v and the pullback −Bᵀ A⁻ᵀ v; where the point or v are traced in turn (a derivative of the
// derivative), the actions are written in tensor operations and one more instruction, the linear
// solve. That one is an implicit function itself: u = A⁻¹ b is known through the condition
// A u − b = 0, and differentiating it gives another solve with the same A,
//
//     A u̇ = ḃ − Ȧ u.
//
// So all orders come down to solves at one point of plain numbers, with one factorisation.
//
// Source: B. Christianson, "Reverse accumulation and implicit functions", Optimization Methods and
// Software 9 (1998); A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. (2008), ch. 15.

extension ImplicitFunction {
  /// The solution on every level of tracing, and the point of plain numbers below them all.
  func record(_ x: Input) throws -> (y: Output, point: SolvedPoint<Input, Output>) {
    guard let trace = innermostTrace(of: x.variables) else {
      let point = try solvedPoint(at: x)
      return (point.linearization.solution, point)
    }
    trace.check()
    let below = x.lowered(below: trace)
    let (y, point) = try record(below)
    if point.linearization.gaugeDimension > 0, innermostTrace(of: below.variables) != nil {
      try refuseVaryingGauge(at: below, y)
    }
    let map = ImplicitMap(x: below, y: y, point: point)
    let solved = recorded(y.flat, by: trace, map, of: x.flat)
    return (y.refilled(from: solved), point)
  }

  /// Second derivatives take the null vectors for constants.
  private func refuseVaryingGauge(at x: Input, _ y: Output) throws {
    guard let gauge else { return }
    let vectors = try gauge.right(x, y) + (gauge.left?(x, y) ?? [])
    if vectors.contains(where: { innermostTrace(of: $0.variables) != nil }) {
      stop(
        """
        The gauge of an implicit function depends on its input, and a second derivative was asked \
        for, which takes the null vectors for constants. Choose unknowns for which they are, or \
        pin the free directions by conditions of their own.
        """)
    }
    if gauge.inconsistent == .leastSquares {
      stop(
        """
        A second derivative was asked for of an implicit function whose gauge answers inconsistent \
        directions by least squares. Such an answer solves other equations than the conditions: \
        choose `.refuse`.
        """)
    }
  }
}

/// An implicit function at a point of plain numbers, as all levels of derivatives share it.
struct SolvedPoint<Input: TensorStructure, Output: TensorStructure>: Sendable {
  let linearization: ImplicitLinearization<Input, Output>
  let products: TensorProducts<Input, Output>

  /// `A⁻¹ b` or `A⁻ᵀ b`, with `A` taken at `(x, y)`: this point, seen from some level of tracing.
  func solve(_ b: Tensor, transposed: Bool, at x: Input, _ y: Output) throws -> Tensor {
    let variables = x.variables + y.variables
    guard let trace = innermostTrace(of: variables + [b]) else {
      return try linearization.flat.solve(b, transposed: transposed)
    }
    let (xBelow, yBelow) = (x.lowered(below: trace), y.lowered(below: trace))
    let u = try solve(b.lowered(below: trace), transposed: transposed, at: xBelow, yBelow)
    let pointVaries = variables.contains { $0.node(in: trace) != nil }
    let defect =
      pointVaries ? b - (try products.solution(x, y, u, transposed: transposed)) : b
    let map = ImplicitSolveMap(point: self, x: xBelow, y: yBelow, transposed: transposed)
    return recorded(u, by: trace, map, of: defect)
  }
}

/// `v ↦ −A⁻¹B v`: the derivative of an implicit function, as an instruction.
private struct ImplicitMap<Input: TensorStructure, Output: TensorStructure>: LinearMap {
  let x: Input
  let y: Output
  let point: SolvedPoint<Input, Output>

  var inputShape: Shape { Shape(vector: point.linearization.B.columnCount) }
  var outputShape: Shape { Shape(vector: point.linearization.B.rowCount) }

  func apply(_ v: Tensor, transposed: Bool) throws -> Tensor {
    if innermostTrace(of: x.variables + y.variables + [v]) == nil {
      let linearization = point.linearization.flat
      return try transposed
        ? linearization.pullbackPart(v) : linearization.pushforwardPart(v)
    }
    if transposed {
      let u = try point.solve(v, transposed: true, at: x, y)
      return -(try point.products.transposedInput(x, y, u))
    }
    return -(try point.solve(try point.products.input(x, y, v), transposed: false, at: x, y))
  }
}

/// `b ↦ A⁻¹ b` or `A⁻ᵀ b`, as an instruction.
private struct ImplicitSolveMap<Input: TensorStructure, Output: TensorStructure>: LinearMap {
  let point: SolvedPoint<Input, Output>
  let x: Input
  let y: Output
  let transposed: Bool

  var inputShape: Shape { Shape(vector: point.linearization.A.rowCount) }
  var outputShape: Shape { inputShape }

  func apply(_ v: Tensor, transposed flipped: Bool) throws -> Tensor {
    try point.solve(v, transposed: transposed != flipped, at: x, y)
  }
}

func stopForTracedConstant(_ name: String) -> Never {
  stop(
    """
    `\(name)`, a constant of the input of an implicit function, is traced, and its derivative would \
    be lost in silence. List it as a field that is not constant, or pass its `.withoutDerivative`.
    """)
}
