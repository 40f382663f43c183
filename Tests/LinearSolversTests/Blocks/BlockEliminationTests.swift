import Testing

@testable import LinearSolvers

/// Elimination by itself: random block matrices against dense LU, and the rules one by one.
@Suite struct BlockEliminationTests {
  // MARK: Blocks

  static let shapes = [(1, 1), (1, 6), (6, 1), (6, 6), (5, 8), (9, 4)]

  @Test("Sparse blocks do what the same entries do in dense ones", arguments: shapes)
  func sparseBlocks(rows m: Int, columns n: Int) {
    var numbers = SeededNumbers(seed: UInt64(7 * m + n))
    let (a, b) = (Self.sparse(m, n, &numbers), Self.sparse(m, n, &numbers))
    let w = Self.sparse(n, 5, &numbers)
    #expect(DenseBlock(a.adding(b)).entries == zip(a.entries, b.entries).map { $0 + $1 })
    #expect(DenseBlock(a.transposed).entries == DenseBlock(a).transposed.entries)
    var product = DenseBlock(zero: m, 5)
    product.subtract(.dense(DenseBlock(a)), times: .dense(DenseBlock(w)))
    let zero = SparseBlock.zero(m, 5)
    for (l, r): (Block, Block) in [
      (.sparse(a), .sparse(w)), (.dense(DenseBlock(a)), .sparse(w)),
      (.sparse(a), .dense(DenseBlock(w))),
    ] {
      var other = DenseBlock(zero: m, 5)
      other.subtract(l, times: r)
      #expect(Self.distance(other.entries, product.entries) <= 1e-15)
    }
    #expect(
      Self.distance(zero.subtracting(a, times: w).entries, product.entries) <= 1e-15)

    let (x, u) = (SeededNumbers.vector(n, seed: 3), SeededNumbers.vector(m, seed: 4))
    for transposed in [false, true] {
      let results = [Block.sparse(a), .dense(DenseBlock(a))].map { block in
        var y = transposed ? x : u
        block.subtractProduct(transposed ? u : x, from: &y, transposed: transposed)
        return y
      }
      #expect(Self.distance(results[0], results[1]) <= 1e-15)
    }
    let (rows, columns) = (
      (0..<m).filter { $0 % 2 == 0 }.map { Int32($0) },
      (0..<n).filter { $0 % 3 != 1 }.map { Int32($0) }
    )
    #expect(
      DenseBlock(a.restricted(rows: rows, columns: columns)).entries
        == DenseBlock(a).restricted(rows: rows, columns: columns).entries)
  }

  @Test("Entries in one place are added up, in any order of rows and columns")
  func entriesInAnyOrder() {
    let block = SparseBlock(
      rowCount: 3, columnCount: 3, rows: [2, 0, 2, 0, 2], columns: [1, 2, 0, 2, 1],
      values: [1, 2, 3, 4, 5])
    #expect(block.entries == [0, 0, 6, 0, 0, 0, 3, 6, 0])
    #expect((block.lower, block.upper, block.entryCount) == (2, 2, 3))
    #expect(!block.isDiagonal && SparseBlock(diagonal: [1, 2]).isDiagonal)
  }

  @Test("Diagonals have loops of their own, with the bits of the others", arguments: [1, 7, 8, 21])
  func diagonals(count n: Int) {
    func diagonal(_ seed: UInt64) -> SparseBlock {
      SparseBlock(diagonal: SeededNumbers.vector(n, seed: seed))
    }
    /// The same matrix with a zero below the diagonal where there is room, so that it is taken for a
    /// sparse one.
    func indexed(_ block: SparseBlock) -> SparseBlock {
      let places = (0..<n).map { Int32($0) }
      return SparseBlock(
        rowCount: n, columnCount: n, rows: places + [Int32(n - 1)], columns: places + [0],
        values: block.diagonal + [0])
    }
    let (a, l, w) = (diagonal(1), diagonal(2), diagonal(3))
    let (x, y) = (SeededNumbers.vector(n, seed: 4), SeededNumbers.vector(n, seed: 5))
    #expect(indexed(a).isDiagonal == (n == 1))
    for transposed in [false, true] {
      var (fast, slow) = (y, y)
      Block.sparse(a).subtractProduct(x, from: &fast, transposed: transposed)
      Block.sparse(indexed(a)).subtractProduct(x, from: &slow, transposed: transposed)
      #expect(fast == slow)
    }
    for minuend in [a, SparseBlock.zero(n, n)] {
      let result = minuend.subtracting(l, times: w)
      #expect(result.isDiagonal)
      #expect(
        DenseBlock(result).entries
          == DenseBlock(minuend.subtracting(indexed(l), times: w)).entries)
    }
  }

  // MARK: Random matrices

  /// Some of those that are regular.
  static let regular = (1...60).filter { seed in
    guard let entries = try? denseOperator(TestProgram(seed: seed).entries),
      let condition = try? LUSolver().prepare(entries).condition?.conditionNumber
    else { return false }
    return condition <= 1e6
  }

  /// Sizes, nodes, bands, pivots that are zero or small, rest of any kind.
  @Test("Two hundred random block matrices are solved as dense LU solves them")
  func randomMatrices() throws {
    var (solved, pivots) = (0, 0)
    for seed in 1...600 {
      if solved == 200 { break }
      let program = TestProgram(seed: seed)
      let n = program.rowCount
      guard let reference = try? LUSolver().prepare(try denseOperator(program.entries)),
        let condition = reference.condition?.conditionNumber, condition <= 1e8
      else { continue }
      let factors = try BlockElimination(program, program.matrix)
      let prepared = PreparedDirectSolver(
        base: program, factors: factors, acceptance: .directDefault)
      let b = SeededNumbers.vector(n, seed: UInt64(seed))
      for transposed in [false, true] {
        let x = try prepared.solve(b, transposed: transposed).vector
        let exact = try reference.solve(b, transposed: transposed).vector
        #expect(relativeError(x, exact) <= 1e-15 * condition * Double(n), "\(seed)")
      }
      // Both are estimates from below, of differently scaled matrices.
      let found = factors.condition.conditionNumber
      #expect(
        found <= 100 * condition && condition <= 100 * found, "\(seed): \(found), \(condition)")
      solved += 1
      if factors.description.contains("then") { pivots += 1 }
    }
    #expect(solved == 200 && pivots >= 80, "\(solved), \(pivots)")
  }

  @Test("The factors of the transposed matrix are those of the matrix, transposed")
  func transposition() throws {
    for seed in Self.regular {
      let program = TestProgram(seed: seed)
      let (factors, transposed) = (
        try BlockElimination(program, program.matrix),
        try BlockElimination(program.adjoint, program.matrix.transposed)
      )
      var (x, y) = (SeededNumbers.vector(program.rowCount, seed: 9), [Double]())
      y = x
      factors.solveScaled(&x, transposed: true)
      transposed.solveScaled(&y, transposed: false)
      #expect(relativeError(x, y) <= 1e-9)
    }
  }

  @Test("Several right-hand sides are solved as each by itself")
  func columns() throws {
    for seed in Self.regular {
      let program = TestProgram(seed: seed)
      let prepared = try BlockEliminationSolver().prepare(program)
      let columns = (0..<5 as Range<UInt64>).map {
        SeededNumbers.vector(program.rowCount, seed: 40 + $0)
      }
      for transposed in [false, true] {
        let together = try prepared.solve(columns: columns, transposed: transposed)
        for (b, solution) in zip(columns, together) {
          let alone = try prepared.solve(b, transposed: transposed)
          #expect(relativeError(solution.vector, alone.vector) <= 1e-9)
        }
      }
    }
  }

  // MARK: The rules

  /// `[D 1; 1ᵀ 0]`, the conditions of softmax.
  @Test("A diagonal with a border leaves one number")
  func border() throws {
    let n = 50
    let matrix = TestProgram(
      rowCounts: [n, 1], columnCounts: [n, 1], outputs: 2, inputs: 2,
      blocks: [
        (0, 0, .sparse(SparseBlock(diagonal: (1...n).map { 1 / Double($0) }))),
        (
          0, 1,
          .dense(DenseBlock(rowCount: n, columnCount: 1, entries: .init(repeating: 1, count: n)))
        ),
        (
          1, 0,
          .dense(DenseBlock(rowCount: 1, columnCount: n, entries: .init(repeating: 1, count: n)))
        ),
      ])
    #expect(try matrix.description == "diagonal 50, then dense LU 1×1")
    try matrix.expectAgreement()
  }

  @Test("A band with a border is factorised as a band")
  func borderedBand() throws {
    let n = 60
    var rows: [Int32] = []
    var columns: [Int32] = []
    var values: [Double] = []
    for i in 0..<n {
      for j in max(0, i - 1)...min(n - 1, i + 1) {
        rows.append(Int32(i))
        columns.append(Int32(j))
        values.append(i == j ? 2.5 : i < j ? -1 : -0.5)
      }
    }
    let band = SparseBlock(
      rowCount: n, columnCount: n, rows: rows, columns: columns, values: values)
    let ones = [Double](repeating: 1, count: n)
    let matrix = TestProgram(
      rowCounts: [n, 1], columnCounts: [n, 1], outputs: 2, inputs: 2,
      blocks: [
        (0, 0, .sparse(band)),
        (0, 1, .dense(DenseBlock(rowCount: n, columnCount: 1, entries: ones))),
        (1, 0, .dense(DenseBlock(rowCount: 1, columnCount: n, entries: ones))),
      ])
    #expect(try matrix.description == "tridiagonal LU 60×60, then dense LU 1×1")
    try matrix.expectAgreement()
  }

  @Test("Blocks that depend on each other one way are solved one after the other")
  func triangle() throws {
    let n = 40
    func dense(_ seed: UInt64) -> Block {
      var entries = SeededNumbers.vector(n * n, seed: seed)
      for i in 0..<n { entries[i * n + i] += 4 }
      return .dense(DenseBlock(rowCount: n, columnCount: n, entries: entries))
    }
    let matrix = TestProgram(
      rowCounts: [n, n], columnCounts: [n, n], outputs: 2, inputs: 2,
      blocks: [(0, 0, dense(1)), (0, 1, dense(2)), (1, 1, dense(3))])
    #expect(try matrix.description == "dense LU 40×40, then dense LU 40×40")
    try matrix.expectAgreement()
  }

  /// `λᵢ sᵢ = 0` next to `s = G z − h`: rows of active and inactive constraints take different pivots.
  @Test("A segment is split where a diagonal is partly too small", arguments: [0.0, 1e-9])
  func split(slackOfActive: Double) throws {
    let (n, m) = (24, 128)
    let slack = (0..<m).map { (k: Int) -> Double in k % 8 == 0 ? slackOfActive : 1 + Double(k % 3) }
    let multiplier = (0..<m).map { $0 % 8 == 0 ? 2.0 : 0 }
    let G = SeededNumbers.vector(m * n, seed: 5)
    var Q = SeededNumbers.vector(n * n, seed: 6)
    for i in 0..<n { Q[i * n + i] += 6 }
    let matrix = TestProgram(
      rowCounts: [n, m, m], columnCounts: [n, m, m], outputs: 2, inputs: 2,
      blocks: [
        (0, 0, .dense(DenseBlock(rowCount: n, columnCount: n, entries: Q))),
        (0, 1, .dense(DenseBlock(rowCount: m, columnCount: n, entries: G).transposed)),
        (1, 1, .sparse(SparseBlock(diagonal: slack))),
        (1, 2, .sparse(SparseBlock(diagonal: multiplier))),
        (2, 0, .dense(DenseBlock(rowCount: m, columnCount: n, entries: G))),
        (2, 2, .sparse(SparseBlock(diagonal: .init(repeating: -1, count: m)))),
      ])
    let description = try matrix.description
    #expect(description.contains("diagonal 112") && description.contains("diagonal 16"))
    #expect(description.hasSuffix("then dense LU 40×40"))
    try matrix.expectAgreement()
  }

  /// The blocks beside a pivot that was taken earlier are split too: the third node goes first, since it has
  /// but diagonals around it, and one of them leads to the segment that is split then.
  @Test("A segment is split after a step that it stands beside")
  func splitAfterStep() throws {
    let (n, m) = (24, 128)
    let slack = (0..<m).map { (k: Int) -> Double in k % 8 == 0 ? 0 : 1 + Double(k % 3) }
    let multiplier = (0..<m).map { $0 % 8 == 0 ? 2.0 : 0 }
    let ones = [Double](repeating: 1, count: m)
    let G = SeededNumbers.vector(m * n, seed: 5)
    var Q = SeededNumbers.vector(n * n, seed: 6)
    for i in 0..<n { Q[i * n + i] += 6 }
    let matrix = TestProgram(
      rowCounts: [n, m, m, m], columnCounts: [n, m, m, m], outputs: 2, inputs: 2,
      blocks: [
        (0, 0, .dense(DenseBlock(rowCount: n, columnCount: n, entries: Q))),
        (0, 1, .dense(DenseBlock(rowCount: m, columnCount: n, entries: G).transposed)),
        (1, 1, .sparse(SparseBlock(diagonal: slack))),
        (1, 2, .sparse(SparseBlock(diagonal: multiplier))),
        (1, 3, .sparse(SparseBlock(diagonal: ones.indices.map { 0.25 + Double($0 % 5) / 16 }))),
        (2, 0, .dense(DenseBlock(rowCount: m, columnCount: n, entries: G))),
        (2, 2, .sparse(SparseBlock(diagonal: ones.map { -$0 }))),
        (3, 2, .sparse(SparseBlock(diagonal: ones))),
        (3, 3, .sparse(SparseBlock(diagonal: ones.map { -$0 }))),
      ])
    let description = try matrix.description
    #expect(description.hasPrefix("diagonal 128"))
    #expect(description.contains("diagonal 112"))
    try matrix.expectAgreement()
  }

  // MARK: What is refused

  @Test("Singular matrices are refused, whatever hides it")
  func singular() throws {
    let n = 30
    let ones = [Double](repeating: 1, count: n)
    // I − 1 1ᵀ/n, through a node.
    let projection = TestProgram(
      rowCounts: [n, 1], columnCounts: [n, 1], outputs: 1, inputs: 1,
      blocks: [
        (0, 0, .sparse(SparseBlock(diagonal: ones))),
        (
          0, 1,
          .dense(DenseBlock(rowCount: n, columnCount: 1, entries: ones.map { -$0 / Double(n) }))
        ),
        (1, 0, .dense(DenseBlock(rowCount: 1, columnCount: n, entries: ones))),
        (1, 1, .dense(DenseBlock(rowCount: 1, columnCount: 1, entries: [-1]))),
      ])
    #expect(
      linearSolveError { try BlockElimination(projection, projection.matrix) }?.name == .singular)
    #expect(
      linearSolveError { try BlockEliminationSolver().prepare(projection) }?.name == .singular)
    // 1e9 x − 1e9 x + x: regular, but not to be told from singular with these numbers.
    let cancelling = TestProgram(
      rowCounts: [n, n], columnCounts: [n, n], outputs: 1, inputs: 1,
      blocks: [
        (0, 0, .sparse(SparseBlock(diagonal: ones.map { -1e9 * $0 + 0.001 }))),
        (0, 1, .sparse(SparseBlock(diagonal: ones.map { 1e9 * $0 }))),
        (1, 0, .sparse(SparseBlock(diagonal: ones))),
        (1, 1, .sparse(SparseBlock(diagonal: ones.map { -$0 }))),
      ])
    #expect(
      linearSolveError { try BlockElimination(cancelling, cancelling.matrix) }?.name == .singular)
    // A zero row.
    let empty = TestProgram(
      rowCounts: [n], columnCounts: [n], outputs: 1, inputs: 1,
      blocks: [
        (0, 0, .sparse(SparseBlock(diagonal: ones.enumerated().map { $0.offset == 7 ? 0 : 1 })))
      ])
    #expect(linearSolveError { try BlockElimination(empty, empty.matrix) }?.name == .singular)
  }

  @Test("Rows and columns in any units give the same digits")
  func units() throws {
    for seed in Self.regular {
      let program = TestProgram(seed: seed)
      let n = program.rowCount
      let factors = (0..<2).map { k in
        (0..<n).map { Double(sign: .plus, exponent: ($0 * (37 + k)) % 200 - 100, significand: 1) }
      }
      let scaled = program.scaled(rows: factors[0], columns: factors[1])
      let b = SeededNumbers.vector(n, seed: 11)
      let x = try BlockEliminationSolver().prepare(program).solve(b).vector
      let y = try BlockEliminationSolver().prepare(scaled)
        .solve(zip(b, factors[0]).map { $0 * $1 }).vector
      let condition = try #require(
        try LUSolver().prepare(denseOperator(program.entries)).condition?.conditionNumber)
      #expect(
        relativeError(zip(y, factors[1]).map { $0 * $1 }, x)
          <= 1e-15 * condition * Double(n))
    }
  }

  // MARK: The price

  @Test("What is cheap is eliminated, what is not is iterated with or left whole")
  func automaticChoice() throws {
    func chosen(_ program: TestProgram) throws -> String {
      try Automatic().prepare(program).methodDescription
    }
    let n = 200
    let diagonal = Block.sparse(SparseBlock(diagonal: (1...n).map { Double($0) }))
    func column(_ k: Int) -> Block {
      .dense(
        DenseBlock(rowCount: n, columnCount: k, entries: SeededNumbers.vector(n * k, seed: 2)))
    }
    func lowRank(_ k: Int) -> TestProgram {
      let node = Block.sparse(SparseBlock(diagonal: .init(repeating: -1, count: k))).dense
      return TestProgram(
        rowCounts: [n, k], columnCounts: [n, k], outputs: 1, inputs: 1,
        blocks: [
          (0, 0, diagonal), (0, 1, column(k)), (1, 0, column(k).transposed), (1, 1, .dense(node)),
        ])
    }
    #expect(
      try chosen(lowRank(5)) == "block elimination 200×200: diagonal 200, then dense LU 5×5 "
        + "(as found in the program, for less than 40 products)"
        || chosen(lowRank(5)).contains("dense Cholesky 5×5"))
    #expect(try chosen(lowRank(150)).hasPrefix("CG"))
  }

  // MARK: Helpers

  static func sparse(_ m: Int, _ n: Int, _ numbers: inout SeededNumbers) -> SparseBlock {
    let places = (0..<(m + n)).map { _ in (numbers.below(m), numbers.below(n)) }
    return SparseBlock(
      rowCount: m, columnCount: n, rows: places.map { Int32($0.0) },
      columns: places.map { Int32($0.1) }, values: numbers.vector(places.count))
  }

  static func distance(_ x: [Double], _ y: [Double]) -> Double {
    zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}

extension SparseBlock {
  /// Row-major.
  var entries: [Double] { DenseBlock(self).entries }
}
