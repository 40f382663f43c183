import Foundation
import TensorChecks
import Testing

@testable import TracedTensors

/// Every operation of the catalogue against loops over index lists.
@Suite struct OperationValueTests {
  /// Sums of up to some hundred entries in another order, and functions of libm against ours: tens
  /// of units in the last place of the largest entry.
  static let tolerance = 4e-15

  @Test("Values are those of naive loops", arguments: OperationFamily.all)
  func valuesAreThoseOfNaiveLoops(_ family: OperationFamily) throws {
    let reference = try #require(Self.references[family.name], "no reference for \(family.name)")
    for (index, operation) in family.rows.enumerated() {
      for seed in 0..<3 {
        let x = operation.draw(seed: UInt64(100 * index + seed))
        let value = operation.apply(x)
        let expected = reference(x.map(NaiveArray.init))
        #expect(value.shape == expected.shape, "\(operation)")
        let scale = max(1, largestMagnitude(expected.values))
        #expect(
          largestDifference(value.scalars, expected.values) <= Self.tolerance * scale,
          "\(operation)")
      }
    }
  }

  typealias Reference = @Sendable ([NaiveArray]) -> NaiveArray

  private static func entrywise(_ f: @escaping @Sendable (Double) -> Double) -> Reference {
    { $0[0].map(f) }
  }

  private static func pairwise(_ f: @escaping @Sendable (Double, Double) -> Double) -> Reference {
    { .combine($0[0], $0[1], f) }
  }

  static let references: [String: Reference] = {
    var table: [String: Reference] = [
      "+": pairwise { $0 + $1 }, "-": pairwise { $0 - $1 }, "*": pairwise { $0 * $1 },
      "/": pairwise { $0 / $1 }, "pow": pairwise { Foundation.pow($0, $1) },
      "max": pairwise { Swift.max($0, $1) }, "min": pairwise { Swift.min($0, $1) },
      "negation": entrywise { -$0 }, "scaled": entrywise { -1.5 * $0 },
      "literal + x": entrywise { 0.5 + $0 }, "literal * x": entrywise { 3 * $0 },
      "literal / x": entrywise { 2 / $0 }, "x / literal": entrywise { $0 / 3 },
      "exp": entrywise { Foundation.exp($0) }, "log": entrywise { Foundation.log($0) },
      "sqrt": entrywise { $0.squareRoot() }, "sin": entrywise { Foundation.sin($0) },
      "cos": entrywise { Foundation.cos($0) }, "tanh": entrywise { Foundation.tanh($0) },
      "logistic": entrywise { 1 / (1 + Foundation.exp(-$0)) },
      "softplus": entrywise { Foundation.log1p(Foundation.exp($0)) },
      "abs": entrywise { Swift.abs($0) }, "reciprocal": entrywise { 1 / $0 },
      "polynomial": entrywise { ($0 * $0 - 2 * $0) * $0 + 1 },
      "custom": entrywise { $0 * $0 * $0 },
      "clamp": { x in
        let lower = x.count > 1 ? x[1] : .scalar(-0.7)
        let upper = x.count > 1 ? x[2] : .scalar(0.4)
        return .combine(.combine(x[0], lower) { Swift.max($0, $1) }, upper) { Swift.min($0, $1) }
      },
      "select": { x in
        let mask = NaiveArray(shape: x[0].shape, x[0].values.indices.map { Double($0 % 2) })
        let shape = NaiveArray.stretchedShape(x[0].shape, x[1].shape)
        return .build(shape) {
          mask.stretched($0) == 1 ? x[0].stretched($0) : x[1].stretched($0)
        }
      },
      "mixture": { x in
        let sum = x[0].values.reduce(0) { $0 + Foundation.exp(-0.5 * $1 * $1) }
        return x[0].map { sum * Foundation.tanh($0) / (1 + $0 * $0) }
      },
    ]
    for n in [-3, -1, 0, 1, 2, 5] {
      table["pow \(n)"] = entrywise { Foundation.pow($0, Double(n)) }
    }
    table.merge(layout) { $1 }
    table.merge(products) { $1 }
    table.merge(reductions) { $1 }
    return table
  }()

  private static let layout: [String: Reference] = {
    @Sendable func permuted(_ order: [Int]) -> Reference {
      { x in
        .build(order.map { x[0].shape[$0] }) { indices in
          var source = indices
          for (axis, from) in order.enumerated() { source[from] = indices[axis] }
          return x[0][source]
        }
      }
    }
    @Sendable func concatenated(_ axis: Int) -> Reference {
      { parts in
        var shape = parts[0].shape
        shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        return .build(shape) { indices in
          var indices = indices
          for part in parts {
            if indices[axis] < part.shape[axis] { return part[indices] }
            indices[axis] -= part.shape[axis]
          }
          return .nan
        }
      }
    }
    @Sendable func gathered(_ indices: [Int], _ axis: Int) -> Reference {
      { x in x[0].moved(alongAxis: axis, extent: indices.count) { indices[$0] } }
    }
    @Sendable func scattered(_ indices: [Int], _ count: Int, _ axis: Int) -> Reference {
      { x in
        var shape = x[0].shape
        shape[axis] = count
        var result = NaiveArray.build(shape) { _ in 0 }
        for source in NaiveArray.allIndices(x[0].shape) {
          var target = source
          target[axis] = indices[source[axis]]
          result[target] += x[0][source]
        }
        return result
      }
    }
    var table: [String: Reference] = [
      "reshaped": { x in
        .combine(NaiveArray(shape: [3, 2], x[0].values), NaiveArray(shape: [2], [2, 3])) { $0 * $1 }
      },
      "flattened": { x in NaiveArray(shape: [x[0].values.count], x[0].values) },
      "expanded": { x in NaiveArray(shape: [1] + x[0].shape, x[0].values) },
      "expanded last": { x in NaiveArray(shape: x[0].shape + [1], x[0].values) },
      "broadcast": { x in .build([4, 2, 3]) { x[0].stretched($0) } },
      "broadcast to nothing": { _ in NaiveArray(shape: [0, 3], []) },
      "transposed": permuted([1, 0]), "transposed [2, 0, 1]": permuted([2, 0, 1]),
      "transposed [0, 2, 1]": permuted([0, 2, 1]),
      "transposed [4, 2, 0, 3, 1]": permuted([4, 2, 0, 3, 1]),
      "slice 1..<3 of axis 0": { x in x[0].moved(alongAxis: 0, extent: 2) { $0 + 1 } },
      "slice 1..<2 of axis 1": { x in x[0].moved(alongAxis: 1, extent: 1) { $0 + 1 } },
      "slice of nothing": { x in x[0].moved(alongAxis: 0, extent: 0) { $0 } },
      "at 1": { x in x[0].reduced(alongAxis: 0) { $0[1] } },
      "at 1 of axis 1": { x in x[0].reduced(alongAxis: 1) { $0[1] } },
      "padded": { x in
        let n = x[0].shape[0]
        return x[0].moved(alongAxis: 0, extent: n + 3) { $0 >= 2 && $0 < n + 2 ? $0 - 2 : nil }
      },
      "padded along axis 1": { x in
        let n = x[0].shape[1]
        return x[0].moved(alongAxis: 1, extent: n + 2) { $0 < n ? $0 : nil }
      },
      "gathered": gathered([2, 0, 2, 1], 0), "gathered along axis 1": gathered([1, 1, 0, 2], 1),
      "gathered none": gathered([], 0), "scattered": scattered([4, 0, 4], 5, 0),
      "scattered along axis 1": scattered([1, 0, 1], 3, 1),
      "concatenate": concatenated(0), "concatenate along axis 1": concatenated(1),
      "stack": { parts in
        .build([parts.count] + parts[0].shape) { parts[$0[0]][Array($0.dropFirst())] }
      },
      "diagonal": { x in
        if x[0].shape.count == 1 {
          let n = x[0].shape[0]
          return .build([n, n]) { $0[0] == $0[1] ? x[0][[$0[0]]] : 0 }
        }
        return .build([Swift.min(x[0].shape[0], x[0].shape[1])]) { x[0][[$0[0], $0[0]]] }
      },
    ]
    for k in [-5, -1, 0, 1, 2, 5] {
      for axis in 0...1 {
        table["shifted by \(k)" + (axis == 1 ? " along axis 1" : "")] = { x in
          let n = x[0].shape[axis]
          return x[0].moved(alongAxis: axis, extent: n) { (0..<n).contains($0 - k) ? $0 - k : nil }
        }
      }
    }
    return table
  }()

  private static let products: [String: Reference] = {
    @Sendable func product(left: Bool, right: Bool) -> Reference {
      { x in
        func a(_ i: Int, _ k: Int) -> Double { x[0][left ? [k, i] : [i, k]] }
        func b(_ k: Int, _ j: Int) -> Double { x[1][right ? [j, k] : [k, j]] }
        let (m, inner) = (x[0].shape[left ? 1 : 0], x[0].shape[left ? 0 : 1])
        let n = x[1].shape[right ? 0 : 1]
        return .build([m, n]) { ij in
          (0..<inner).reduce(0) { $0 + a(ij[0], $1) * b($1, ij[1]) }
        }
      }
    }
    @Sendable func applied(_ matrix: NaiveArray, _ x: NaiveArray, transposed: Bool) -> NaiveArray {
      .build([matrix.shape[transposed ? 1 : 0]]) { i in
        x.values.indices.reduce(0) {
          $0 + matrix[transposed ? [$1, i[0]] : [i[0], $1]] * x.values[$1]
        }
      }
    }
    return [
      "matmul": product(left: false, right: false),
      "matmul, left transposed": product(left: true, right: false),
      "matmul, right transposed": product(left: false, right: true),
      "matmul, both transposed": product(left: true, right: true),
      "matrix · vector": { applied($0[0], $0[1], transposed: false) },
      "matrixᵀ · vector": { applied($0[0], $0[1], transposed: true) },
      "vector · matrix": { applied($0[1], $0[0], transposed: true) },
      "vector · matrixᵀ": { applied($0[1], $0[0], transposed: false) },
      "outer": { x in
        .build([x[0].shape[0], x[1].shape[0]]) { x[0].values[$0[0]] * x[1].values[$0[1]] }
      },
      "solve": { x in eliminated(plusIdentity(x[0], 5), x[1]) },
      "solve, positive definite": { x in
        eliminated(plusIdentity(product(left: false, right: true)([x[0], x[0]]), 1), x[1])
      },
    ]
  }()

  private static func plusIdentity(_ a: NaiveArray, _ factor: Double) -> NaiveArray {
    .build(a.shape) { a[$0] + ($0[0] == $0[1] ? factor : 0) }
  }

  /// Gauss–Jordan without pivoting, for the well-conditioned matrices of the catalogue.
  private static func eliminated(_ matrix: NaiveArray, _ right: NaiveArray) -> NaiveArray {
    let n = matrix.shape[0]
    let k = right.values.count / Swift.max(n, 1)
    var rows = (0..<n).map { i in
      (0..<n).map { matrix[[i, $0]] } + (0..<k).map { right.values[i * k + $0] }
    }
    for pivot in 0..<n {
      rows[pivot] = rows[pivot].map { $0 / rows[pivot][pivot] }
      for i in 0..<n where i != pivot {
        let factor = rows[i][pivot]
        for j in rows[i].indices { rows[i][j] -= factor * rows[pivot][j] }
      }
    }
    return NaiveArray(shape: right.shape, rows.flatMap { $0.suffix(k) })
  }

  private static let reductions: [String: Reference] = {
    @Sendable func logSumExp(_ x: [Double]) -> Double {
      Foundation.log(x.reduce(0) { $0 + Foundation.exp($1) })
    }
    let lists: [String: @Sendable ([Double]) -> Double] = [
      "sum": { $0.reduce(0, +) }, "mean": { $0.reduce(0, +) / Double($0.count) },
      "max": { $0.max() ?? .nan }, "logSumExp": logSumExp,
    ]
    var table: [String: Reference] = [
      "squaredNorm": { .scalar($0[0].values.reduce(0) { $0 + $1 * $1 }) },
      "dot with itself": { .scalar($0[0].values.reduce(0) { $0 + $1 * $1 }) },
      "dot": { x in .scalar(zip(x[0].values, x[1].values).reduce(0) { $0 + $1.0 * $1.1 }) },
      "norm": { .scalar($0[0].values.reduce(0) { $0 + $1 * $1 }.squareRoot()) },
      "norm one": { .scalar($0[0].values.reduce(0) { $0 + Swift.abs($1) }) },
      "norm infinity": { .scalar($0[0].values.reduce(0) { Swift.max($0, Swift.abs($1)) }) },
      "largest": { .scalar($0[0].values.max() ?? .nan) },
      "smallest": { .scalar($0[0].values.min() ?? .nan) },
      "softmax": { x in
        let total = logSumExp(x[0].values)
        return x[0].map { Foundation.exp($0 - total) }
      },
    ]
    for (name, f) in lists {
      if name != "max" { table[name] = { .scalar(f($0[0].values)) } }
      for axis in 0..<4 {
        table["\(name) along axis \(axis)"] = { $0[0].reduced(alongAxis: axis, f) }
      }
    }
    for axis in 0..<4 {
      table["softmax along axis \(axis)"] = { x in
        let totals = x[0].reduced(alongAxis: axis, logSumExp)
        return .build(x[0].shape) { indices in
          var rest = indices
          rest.remove(at: axis)
          return Foundation.exp(x[0][indices] - totals[rest])
        }
      }
    }
    return table
  }()
}
