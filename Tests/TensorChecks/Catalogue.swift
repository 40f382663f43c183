import TracedSolves

extension Operation {
  /// Every tensor operation of the library, each on scalars, vectors, matrices, tensors of rank 3
  /// and 5, stretched operands and empty ones, as far as it takes them.
  package static let catalogue: [Operation] =
    arithmetic + elementwise + layout + products + reductions + composite

  private static let positive = Operand.Domain.between(0.2, 2)
  private static let awayFromZero = Operand.Domain.eitherSign(0.2, 2)

  /// Pairs of shapes that stretch to each other.
  private static let pairs: [([Int], [Int])] = [
    ([], []), ([3], [3]), ([], [3]), ([3], []), ([1], [4]), ([2, 3], [2, 3]), ([2, 3], [3]),
    ([2, 1], [1, 3]), ([1, 3], [2, 3]), ([2, 3, 4], [3, 1]), ([2, 1, 3], [1, 4, 1]),
    ([2, 1, 3, 1, 2], [4, 1, 1, 2]), ([2, 2, 1, 2, 3], [2, 2, 3, 2, 3]), ([0], [0]), ([0, 3], [3]),
    ([], [0]), ([37], [37]),
  ]

  private static let shapes: [[Int]] = [
    [], [1], [5], [2, 3], [2, 3, 2], [2, 1, 2, 3, 2], [0], [33],
  ]

  private static func binary(
    _ name: String, _ left: Operand.Domain, _ right: Operand.Domain,
    _ f: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) -> [Operation] {
    pairs.map { p, q in Operation(name, [Operand(p, left), Operand(q, right)]) { f($0[0], $0[1]) } }
  }

  private static func unary(
    _ name: String, _ domain: Operand.Domain, _ shapes: [[Int]] = shapes,
    _ f: @escaping @Sendable (Tensor) -> Tensor
  ) -> [Operation] {
    shapes.map { shape in Operation(name, [Operand(shape, domain)]) { f($0[0]) } }
  }

  private static let both = Operand.Domain.between(-2, 2)

  private static let arithmetic: [Operation] =
    binary("+", both, both) { $0 + $1 } + binary("-", both, both) { $0 - $1 }
    + binary("*", both, both) { $0 * $1 } + binary("/", both, awayFromZero) { $0 / $1 }
    + binary("pow", positive, both) { pow($0, $1) }
    + binary("max", both, both) { max($0, $1) } + binary("min", both, both) { min($0, $1) }
    + unary("negation", both) { -$0 } + unary("scaled", both) { $0.scaled(by: -1.5) }
    + unary("literal + x", both) { 0.5 + $0 } + unary("literal * x", both) { 3 * $0 }
    + unary("literal / x", awayFromZero) { 2 / $0 } + unary("x / literal", both) { $0 / 3 }

  private static let elementwise: [Operation] =
    unary("exp", both) { exp($0) } + unary("log", positive) { log($0) }
    + unary("sqrt", positive) { sqrt($0) } + unary("sin", both) { sin($0) }
    + unary("cos", both) { cos($0) } + unary("tanh", both) { tanh($0) }
    + unary("logistic", both) { logistic($0) } + unary("softplus", both) { softplus($0) }
    + unary("abs", awayFromZero) { abs($0) } + unary("reciprocal", awayFromZero) { reciprocal($0) }
    + [-3, -1, 0, 1, 2, 5].flatMap { n in
      unary("pow \(n)", awayFromZero, [[], [4], [2, 3]]) { pow($0, n) }
    }
    + [
      Operation("clamp", [Operand([9], both)]) { clamp($0[0], -0.7, 0.4) },
      Operation(
        "clamp",
        [Operand([2, 3], both), Operand([3], .between(-1, 0)), Operand([2, 1], positive)]
      ) {
        clamp($0[0], $0[1], $0[2])
      },
    ]
    + pairs.map { p, q in
      Operation("select", [Operand(p, both), Operand(q, both)]) {
        select(checkerboard(like: $0[0]), $0[0], $0[1])
      }
    }

  /// A mask of zeros and ones in turn.
  private static func checkerboard(like x: Tensor) -> Tensor {
    Tensor(shape: x.shape, (0..<x.count).map { Double($0 % 2) })
  }

  private static let layout: [Operation] =
    unary("reshaped", both, [[2, 3], [6], [3, 1, 2]]) { $0.reshaped([3, 2]) * Tensor([2, 3]) }
    + unary("flattened", both) { $0.flattened() }
    + unary("expanded", both, [[], [3]]) { $0.expanded(atAxis: 0) }
    + unary("expanded last", both, [[3], [2, 3]]) { $0.expanded(atAxis: $0.rank) }
    + unary("broadcast", both, [[], [1], [3], [1, 3], [2, 1], [4, 1, 1]]) {
      $0.broadcast(to: [4, 2, 3])
    }
    + unary("broadcast to nothing", both, [[], [3], [1, 3]]) { $0.broadcast(to: [0, 3]) }
    + unary("transposed", both, [[2, 3], [1, 4], [4, 1], [3, 3], [0, 2], [33, 17]]) {
      $0.transposed()
    }
    + unary("transposed [2, 0, 1]", both, [[2, 3, 4], [1, 3, 1], [2, 0, 3]]) {
      $0.transposed([2, 0, 1])
    }
    + unary("transposed [0, 2, 1]", both, [[2, 3, 4]]) { $0.transposed([0, 2, 1]) }
    + unary("transposed [4, 2, 0, 3, 1]", both, [[2, 3, 2, 1, 3], [2, 2, 2, 2, 2]]) {
      $0.transposed([4, 2, 0, 3, 1])
    }
    + unary("slice 1..<3 of axis 0", both, [[4], [3, 2], [4, 2, 3], [3, 2, 1, 2, 3]]) {
      $0.slice(1..<3)
    }
    + unary("slice 1..<2 of axis 1", both, [[2, 3], [2, 2, 3], [2, 3, 2, 2, 2]]) {
      $0.slice(1..<2, alongAxis: 1)
    }
    + unary("slice of nothing", both, [[3], [2, 3]]) { $0.slice(1..<1) }
    + unary("at 1", both, [[4], [3, 2], [2, 3, 2]]) { $0.at(1) }
    + unary("at 1 of axis 1", both, [[2, 3], [2, 3, 2]]) { $0.at(1, alongAxis: 1) }
    + unary("padded", both, [[3], [2, 3], [0], [2, 2, 2]]) { $0.padded(before: 2, after: 1) }
    + unary("padded along axis 1", both, [[2, 3], [2, 2, 3], [2, 2, 1, 2, 2]]) {
      $0.padded(before: 0, after: 2, alongAxis: 1)
    }
    + [-5, -1, 0, 1, 2, 5].flatMap { k in
      unary("shifted by \(k)", both, [[4], [3, 2], [0], [1]]) { $0.shifted(by: k) }
        + unary("shifted by \(k) along axis 1", both, [[2, 4], [2, 3, 2]]) {
          $0.shifted(by: k, alongAxis: 1)
        }
    }
    + unary("gathered", both, [[3], [3, 2], [4, 2, 3]]) { $0.gathered([2, 0, 2, 1]) }
    + unary("gathered along axis 1", both, [[2, 3], [2, 3, 2], [1, 3, 1, 2, 2]]) {
      $0.gathered([1, 1, 0, 2], alongAxis: 1)
    }
    + unary("gathered none", both, [[3], [3, 2]]) { $0.gathered([]) }
    + unary("scattered", both, [[3], [3, 2], [3, 2, 2]]) { $0.scattered([4, 0, 4], count: 5) }
    + unary("scattered along axis 1", both, [[2, 3], [2, 3, 2]]) {
      $0.scattered([1, 0, 1], count: 3, alongAxis: 1)
    }
    + unary("diagonal", both, [[1], [4], [0], [3, 3], [2, 4], [4, 2], [1, 1]]) { $0.diagonal() }
    + [
      Operation("concatenate", [Operand([2]), Operand([0]), Operand([3])]) { .concatenate($0) },
      Operation("concatenate", [Operand([2, 2]), Operand([1, 2])]) { .concatenate($0) },
      Operation("concatenate along axis 1", [Operand([2, 2]), Operand([2, 0]), Operand([2, 3])]) {
        .concatenate($0, alongAxis: 1)
      },
      Operation("concatenate along axis 1", [Operand([2, 1, 2, 2, 2]), Operand([2, 2, 2, 2, 2])]) {
        .concatenate($0, alongAxis: 1)
      },
      Operation("concatenate along axis 1", [Operand([2, 1, 3]), Operand([2, 2, 3])]) {
        .concatenate($0, alongAxis: 1)
      },
      Operation("stack", [Operand([]), Operand([]), Operand([])]) { .stack($0) },
      Operation("stack", [Operand([3]), Operand([3])]) { .stack($0) },
    ]

  /// Rows, inner extent and columns of matrix products, degenerate and blocked ones among them.
  private static let sizes: [(Int, Int, Int)] = [
    (2, 3, 4), (1, 1, 1), (3, 1, 4), (3, 1, 1), (1, 5, 2), (4, 3, 1), (1, 4, 1), (2, 0, 3),
    (0, 2, 3), (2, 3, 0), (17, 9, 13),
  ]

  private static let products: [Operation] =
    sizes.flatMap { m, k, n in
      [
        Operation("matmul", [Operand([m, k]), Operand([k, n])]) { matmul($0[0], $0[1]) },
        Operation("matmul, left transposed", [Operand([k, m]), Operand([k, n])]) {
          matmul($0[0], $0[1], transposingLeft: true)
        },
        Operation("matmul, right transposed", [Operand([m, k]), Operand([n, k])]) {
          matmul($0[0], $0[1], transposingRight: true)
        },
        Operation("matmul, both transposed", [Operand([k, m]), Operand([n, k])]) {
          matmul($0[0], $0[1], transposingLeft: true, transposingRight: true)
        },
        Operation("matrix · vector", [Operand([m, k]), Operand([k])]) { matmul($0[0], $0[1]) },
        Operation("matrixᵀ · vector", [Operand([k, m]), Operand([k])]) {
          matmul($0[0], $0[1], transposingLeft: true)
        },
        Operation("vector · matrix", [Operand([k]), Operand([k, n])]) { matmul($0[0], $0[1]) },
        Operation("vector · matrixᵀ", [Operand([k]), Operand([n, k])]) {
          matmul($0[0], $0[1], transposingRight: true)
        },
        Operation("outer", [Operand([m]), Operand([n])]) { outer($0[0], $0[1]) },
      ]
    }

  private static let axes: [(shape: [Int], axis: Int)] = [
    ([3], 0), ([1], 0), ([2, 3], 0), ([2, 3], 1), ([1, 3], 0), ([2, 3, 4], 0), ([2, 3, 4], 1),
    ([2, 3, 4], 2), ([3, 1, 2], 1), ([2, 1, 3, 2, 2], 3), ([0, 2], 1), ([17, 9], 1), ([9, 17], 0),
  ]

  private static func alongAxis(
    _ name: String, _ domain: Operand.Domain,
    _ f: @escaping @Sendable (Tensor, Int) -> Tensor
  ) -> [Operation] {
    axes.map { row in
      Operation("\(name) along axis \(row.axis)", [Operand(row.shape, domain)]) {
        f($0[0], row.axis)
      }
    }
  }

  private static let notEmpty = shapes.filter { $0 != [0] }

  private static let reductions: [Operation] =
    unary("sum", both) { $0.sum() } + unary("mean", both, notEmpty) { $0.mean() }
    + alongAxis("sum", both) { $0.sum(alongAxis: $1) }
    + alongAxis("mean", both) { $0.mean(alongAxis: $1) }
    + shapes.map { Operation("dot", [Operand($0), Operand($0)]) { $0[0].dot($0[1]) } }
    + unary("dot with itself", both) { $0.dot($0) }
    + unary("squaredNorm", both) { $0.squaredNorm() }
    + unary("norm", awayFromZero, notEmpty) { $0.norm() }
    + unary("norm one", awayFromZero) { $0.norm(.one) }
    + unary("norm infinity", awayFromZero, notEmpty) { $0.norm(.infinity) }
    + unary("largest", both, notEmpty) { $0.max() } + unary("smallest", both, notEmpty) { $0.min() }
    + alongAxis("max", both) { $0.max(alongAxis: $1) }
    + unary("logSumExp", both, notEmpty) { $0.logSumExp() }
    + alongAxis("logSumExp", both) { $0.logSumExp(alongAxis: $1) }
    + unary("softmax", both, notEmpty) { $0.softmax() }
    + alongAxis("softmax", both) { $0.softmax(alongAxis: $1) }

  /// The solution, or NaN where the matrix is singular.
  private static func solution(_ matrix: Tensor, _ rightHandSide: Tensor) -> Tensor {
    (try? solve(matrix, rightHandSide)) ?? Tensor(.nan)
  }

  private static let composite: [Operation] =
    [([4, 4], [4]), ([3, 3], [3, 2]), ([1, 1], [1])].flatMap { matrix, right in
      [
        Operation("solve", [Operand(matrix), Operand(right)]) {
          // Diagonally dominant, so far from singular for every draw.
          solution($0[0] + 5 * Tensor.identity(matrix[0]), $0[1])
        },
        Operation("solve, positive definite", [Operand(matrix), Operand(right)]) {
          solution(
            matmul($0[0], $0[0], transposingRight: true) + Tensor.identity(matrix[0]), $0[1])
        },
      ]
    }
    + unary("custom", both) { x in
      .custom(
        x, value: { $0 * $0 * $0 }, pushforward: { x, tangent in 3 * x * x * tangent },
        pullback: { x, cotangent in 3 * x * x * cotangent })
    }
    + unary("polynomial", both) { x in (x * x - 2 * x) * x + 1 }
    + unary("mixture", both, [[5], [2, 3]]) { x in exp(-0.5 * x * x).sum() * tanh(x) / (1 + x * x) }
}
