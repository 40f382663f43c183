/// A number with its first and second derivatives in some inputs. Arithmetic on these carries the
/// derivatives of a formula along, exactly but for rounding, and shares nothing with the library.
///
/// Source: J. A. Fike and J. J. Alonso, "The Development of Hyper-Dual Numbers for Exact
/// Second-Derivative Calculations", AIAA 2011-886.
struct Jet: Sendable {
  let value: Double
  /// A number for each input; empty for a constant.
  let gradient: [Double]
  /// A row for each input; empty for a constant.
  let hessian: [[Double]]

  /// The inputs themselves, at a point.
  static func inputs(_ point: [Double]) -> [Jet] {
    point.indices.map { i in
      Jet(
        value: point[i], gradient: point.indices.map { $0 == i ? 1 : 0 },
        hessian: point.map { _ in point.map { _ in 0 } })
    }
  }

  /// `f(a, b)` with the partial derivatives of `f` at the values of `a` and `b`.
  fileprivate static func combine(
    _ a: Jet, _ b: Jet, _ value: Double, first: (a: Double, b: Double),
    second: (aa: Double, ab: Double, bb: Double)
  ) -> Jet {
    let indices = 0..<max(a.gradient.count, b.gradient.count)
    // d²f = f_a d²a + f_b d²b + f_aa da² + f_ab (da db + db da) + f_bb db².
    return Jet(
      value: value, gradient: indices.map { first.a * a.slope($0) + first.b * b.slope($0) },
      hessian: indices.map { i in
        indices.map { j in
          let (ai, aj, bi, bj) = (a.slope(i), a.slope(j), b.slope(i), b.slope(j))
          let linear = first.a * a.curvature(i, j) + first.b * b.curvature(i, j)
          return linear + second.aa * ai * aj + second.ab * (ai * bj + bi * aj)
            + second.bb * bi * bj
        }
      })
  }

  /// `f(a)` with the derivatives of `f` at the value of `a`.
  func mapped(_ value: Double, _ first: Double, _ second: Double) -> Jet {
    .combine(self, 0, value, first: (first, 0), second: (second, 0, 0))
  }

  func slope(_ i: Int) -> Double { gradient.isEmpty ? 0 : gradient[i] }
  func curvature(_ i: Int, _ j: Int) -> Double { hessian.isEmpty ? 0 : hessian[i][j] }
}

extension Jet: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  init(_ constant: Double) { (value, gradient, hessian) = (constant, [], []) }
  init(floatLiteral: Double) { self.init(floatLiteral) }
  init(integerLiteral: Int) { self.init(Double(integerLiteral)) }
}

extension Jet {
  static func + (a: Jet, b: Jet) -> Jet {
    combine(a, b, a.value + b.value, first: (1, 1), second: (0, 0, 0))
  }

  static func - (a: Jet, b: Jet) -> Jet {
    combine(a, b, a.value - b.value, first: (1, -1), second: (0, 0, 0))
  }

  static func * (a: Jet, b: Jet) -> Jet {
    combine(a, b, a.value * b.value, first: (b.value, a.value), second: (0, 1, 0))
  }

  static func / (a: Jet, b: Jet) -> Jet {
    let (q, r) = (a.value / b.value, 1 / b.value)
    return combine(a, b, q, first: (r, -q * r), second: (0, -r * r, 2 * q * r * r))
  }

  static prefix func - (a: Jet) -> Jet { 0 - a }
}

func sum(_ terms: [Jet]) -> Jet { terms.reduce(0) { $0 + $1 } }

func dot(_ a: [Jet], _ b: [Jet]) -> Jet { sum(zip(a, b).map { $0 * $1 }) }

func norm(_ a: [Jet]) -> Jet { squareRoot(dot(a, a)) }

func squareRoot(_ a: Jet) -> Jet {
  let root = a.value.squareRoot()
  return a.mapped(root, 0.5 / root, -0.25 / (root * a.value))
}

/// The solution of a small linear system, by elimination with the largest pivot.
func eliminate(_ matrix: [[Jet]], _ rightHandSide: [Jet]) -> [Jet] {
  var (A, b) = (matrix, rightHandSide)
  for k in b.indices {
    let pivot = (k..<b.count).max { abs(A[$0][k].value) < abs(A[$1][k].value) } ?? k
    A.swapAt(k, pivot)
    b.swapAt(k, pivot)
    for i in b.indices.dropFirst(k + 1) {
      let factor = A[i][k] / A[k][k]
      for j in k..<b.count { A[i][j] = A[i][j] - factor * A[k][j] }
      b[i] = b[i] - factor * b[k]
    }
  }
  for k in b.indices.reversed() {
    for j in b.indices.dropFirst(k + 1) { b[k] = b[k] - A[k][j] * b[j] }
    b[k] = b[k] / A[k][k]
  }
  return b
}

/// `[H Cᵀ; C 0] (z, ν) = (r, d)`: a quadratic function's minimum subject to `C z = d`.
func constrained(_ H: [[Jet]], _ C: [[Jet]], _ r: [Jet], _ d: [Jet]) -> (z: [Jet], nu: [Jet]) {
  let top = H.indices.map { i in H[i] + C.map { $0[i] } }
  let bottom = C.map { $0 + C.map { _ in Jet(0) } }
  let solution = eliminate(top + bottom, r + d)
  return (Array(solution[..<r.count]), Array(solution[r.count...]))
}
