import TensorChecks
import Testing

@testable import ImplicitDifferentiation

/// The ways to nest two first derivatives into a second one.
enum Nesting: String, CaseIterable, CustomTestStringConvertible {
  case reverseOverReverse, forwardOverReverse, reverseOverForward, forwardOverForward

  var testDescription: String { rawValue }

  /// The Hessian of a scalar function of a vector, column by column.
  func hessian(
    of f: (Tensor) throws -> Tensor, at x: Tensor
  ) throws -> [[Double]] {
    let n = x.count
    func unit(_ i: Int) -> Tensor { Tensor((0..<n).map { $0 == i ? 1 : 0 }) }
    return try (0..<n).map { column in
      let e = unit(column)
      switch self {
      case .reverseOverReverse:
        return try gradient(at: x) { x in try (gradient(at: x, of: f) * e).sum() }.scalars
      case .forwardOverReverse:
        return try valueAndPushforward(at: x, along: e) { try gradient(at: $0, of: f) }.tangent
          .scalars
      case .reverseOverForward:
        return try gradient(at: x) { x in
          try valueAndPushforward(at: x, along: e, of: f).tangent
        }.scalars
      case .forwardOverForward:
        return try (0..<n).map { row in
          try valueAndPushforward(at: x, along: unit(row)) { x in
            try valueAndPushforward(at: x, along: e, of: f).tangent
          }.tangent.scalar
        }
      }
    }
  }
}

/// The linear solvers that higher derivatives are tried with.
enum Method: String, CaseIterable, CustomTestStringConvertible {
  case automatic, direct, iterative

  var testDescription: String { rawValue }

  var solver: any LinearSolver {
    switch self {
    case .automatic: Automatic()
    case .direct: LUSolver()
    case .iterative: GMRES(relativeTolerance: 1e-13)
    }
  }
}

/// The largest difference of two tables of numbers, relative to the largest entry of the second.
func relativeDifference(_ a: [[Double]], _ b: [[Double]]) -> Double {
  let scale = b.joined().map(abs).max() ?? 0
  return zip(a, b).reduce(0) { max($0, largestDifference($1.0, $1.1)) } / scale
}
