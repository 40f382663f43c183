import Kernels

/// The working state of an elimination.
struct BlockEliminator {
  private(set) var plan: BlockPlan
  private(set) var rowSegments: Segments
  private(set) var columnSegments: Segments
  /// The largest entry seen so far.
  private(set) var largestEntry = 0.0
  /// What was eliminated, in order.
  private(set) var steps: [BlockFactors.Step] = []
  private var blocks: [[Block?]]
  /// Pivots that are too small, until something is eliminated.
  private var refused: Set<BlockPlan.Place> = []

  /// An entry below this part of the largest others in its row and in its column is no pivot. The usual
  /// 1/10 bounds growth better, and refuses what refinement repairs anyway.
  private static var threshold: Double { 1e-3 }

  /// A band whose condition number is larger is no pivot: too few digits of `P⁻¹U` would be right.
  private static var bandConditionLimit: Double { 1e10 }

  /// Of a diagonal, at least one entry in so many must be fit for a pivot to split it.
  private static var splitWorth: Int { 8 }

  init(_ matrix: BlockMatrix, _ rowSegments: Segments, _ columnSegments: Segments) {
    plan = BlockPlan(matrix.layout)
    blocks = matrix.blocks
    self.rowSegments = rowSegments
    self.columnSegments = columnSegments
    for i in blocks.indices {
      for j in blocks[i].indices { note(blocks[i][j], i, j) }
    }
  }

  /// Eliminates until the rest is to be factorised densely.
  mutating func eliminate() {
    while let pivot = plan.pivot(refused: refused) {
      if let factors = factors(of: pivot) {
        refused = []
        steps.append(eliminate(pivot, factors))
      } else if !split(pivot) {
        refused.insert(BlockPlan.Place(row: pivot.row, column: pivot.column))
      }
    }
  }

  /// The factors of a pivot; `nil` if it is too small.
  private func factors(of pivot: BlockPlan.Pivot) -> PivotFactors? {
    guard let block = blocks[pivot.row][pivot.column] else { return nil }
    switch (pivot.method, block) {
    case (.division, .sparse(let block)):
      let fit = fitEntries(pivot, block.diagonal)
      return fit.allSatisfy { $0 } ? .division(block.diagonal) : nil
    case (.band, .sparse(let block)):
      guard let factors = try? BandLU(block.band),
        factors.condition.conditionNumber <= Self.bandConditionLimit
      else { return nil }
      return .factorization(factors)
    default:
      guard let factors = try? DenseLU(block.dense.entries, count: block.rowCount) else {
        return nil
      }
      return .factorization(factors)
    }
  }

  /// Which entries of a diagonal are large enough.
  private func fitEntries(_ pivot: BlockPlan.Pivot, _ diagonal: [Double]) -> [Bool] {
    let n = diagonal.count
    var rowMaxima = [Double](repeating: 0, count: n)
    var columnMaxima = rowMaxima
    var unused = [Double](
      repeating: 0, count: (rowSegments.counts + columnSegments.counts).max() ?? 0)
    rowMaxima.withUnsafeMutableBufferPointer { rows in
      columnMaxima.withUnsafeMutableBufferPointer { columns in
        unused.withUnsafeMutableBufferPointer { unused in
          guard let r = rows.baseAddress, let c = columns.baseAddress, let u = unused.baseAddress
          else { return }
          for j in plan.columns where j != pivot.column {
            blocks[pivot.row][j]?.raiseMaxima(rows: r, columns: u)
          }
          for i in plan.rows where i != pivot.row {
            blocks[i][pivot.column]?.raiseMaxima(rows: u, columns: c)
          }
        }
      }
    }
    return diagonal.indices.map {
      let others = min(rowMaxima[$0], columnMaxima[$0])
      return diagonal[$0] != 0 && diagonal[$0].magnitude >= Self.threshold * others
    }
  }

  private mutating func eliminate(
    _ pivot: BlockPlan.Pivot, _ factors: PivotFactors
  ) -> BlockFactors.Step {
    plan.remove(pivot)
    let right = plan.columns.compactMap { j in
      blocks[pivot.row][j].map { BlockFactors.Neighbour(segment: j, block: $0) }
    }
    let below = plan.rows.compactMap { i in
      blocks[i][pivot.column].map { BlockFactors.Neighbour(segment: i, block: $0) }
    }
    if !below.isEmpty {
      for other in right {
        let w = factors.solved(other.block)
        for neighbour in below {
          let (i, j) = (neighbour.segment, other.segment)
          let old = blocks[i][j]
          blocks[i][j] = nil  // so that the entries have one owner
          blocks[i][j] = .subtracting(neighbour.block, times: w, from: old)
          note(blocks[i][j], i, j)
        }
      }
    }
    return BlockFactors.Step(
      row: pivot.row, column: pivot.column, pivot: factors, right: right, below: below)
  }

  /// Splits the segment of a diagonal whose entries are partly too small; `false` if there is nothing
  /// to gain. What diagonals connect with it is split in the same way, or they would be none any more.
  private mutating func split(_ pivot: BlockPlan.Pivot) -> Bool {
    guard case .division = pivot.method, case .sparse(let block) = blocks[pivot.row][pivot.column]
    else { return false }
    let fit = fitEntries(pivot, block.diagonal)
    let kept = fit.indices.filter { fit[$0] }.map { Int32($0) }
    let rest = fit.indices.filter { !fit[$0] }.map { Int32($0) }
    guard kept.count * Self.splitWorth >= fit.count, !rest.isEmpty,
      blocks.count < 2 * BlockLayout.maximumSegments
    else { return false }
    let (rows, columns) = plan.connected(to: pivot)
    for j in columns {
      let new = columnSegments.counts.count
      for k in steps.indices {
        steps[k].right = Self.split(steps[k].right, j, new) {
          ($0.restricted(rows: nil, columns: kept), $0.restricted(rows: nil, columns: rest))
        }
      }
      for i in blocks.indices {
        let block = blocks[i][j]
        blocks[i][j] = block?.restricted(rows: nil, columns: kept).unlessZero
        blocks[i].append(block?.restricted(rows: nil, columns: rest).unlessZero)
      }
      columnSegments.split(j, kept: kept, rest: rest)
    }
    for i in rows {
      let new = rowSegments.counts.count
      for k in steps.indices {
        steps[k].below = Self.split(steps[k].below, i, new) {
          ($0.restricted(rows: kept, columns: nil), $0.restricted(rows: rest, columns: nil))
        }
      }
      let row = blocks[i]
      blocks[i] = row.map { $0?.restricted(rows: kept, columns: nil).unlessZero }
      blocks.append(row.map { $0?.restricted(rows: rest, columns: nil).unlessZero })
      rowSegments.split(i, kept: kept, rest: rest)
    }
    plan.split(rows: rows, columns: columns, kept: kept.count, rest: rest.count)
    plan.shapes = blocks.map { $0.map { $0?.shape } }
    return true
  }

  /// The neighbours of a step taken earlier, where segment `j` is split into itself and a new one.
  private static func split(
    _ neighbours: [BlockFactors.Neighbour], _ j: Int, _ new: Int, _ parts: (Block) -> (Block, Block)
  ) -> [BlockFactors.Neighbour] {
    neighbours.flatMap { neighbour in
      if neighbour.segment != j { return [neighbour] }
      let (kept, rest) = parts(neighbour.block)
      return [(j, kept), (new, rest)].compactMap { segment, block in
        block.unlessZero.map { BlockFactors.Neighbour(segment: segment, block: $0) }
      }
    }
  }

  /// What is left, row-major.
  func rest() -> [Double] {
    let n = plan.count
    var entries = [Double](repeating: 0, count: n * n)
    var row = 0
    for i in plan.rows {
      var column = 0
      for j in plan.columns {
        if let block = blocks[i][j]?.dense {
          for k in 0..<block.rowCount {
            let start = (row + k) * n + column
            entries.replaceSubrange(
              start..<start + block.columnCount,
              with: block.entries[(k * block.columnCount)..<((k + 1) * block.columnCount)])
          }
        }
        column += columnSegments.counts[j]
      }
      row += rowSegments.counts[i]
    }
    return entries
  }

  private mutating func note(_ block: Block?, _ row: Int, _ column: Int) {
    plan.shapes[row][column] = block?.shape
    if let block { largestEntry = max(largestEntry, block.largestMagnitude) }
  }
}
