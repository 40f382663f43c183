/// The 2-norm of a derivative and four sums of its entries with random signs, to 30 digits, as the
/// script beside the tests makes them.
///
/// A sum with random signs sees an error anywhere in the vector: the mean of its square is the
/// square of the error's norm.
package struct StoredDerivative: Sendable {
  package let norm: DoubleDouble
  package let sums: [DoubleDouble]

  /// The largest deviation of a derivative from what is stored, relative to the norm.
  package func deviation(of vector: [DoubleDouble], signs: inout HuntNumbers) -> Double {
    let words = vector.map { _ in signs.next() }
    var largest = 0.0
    for (k, sum) in sums.enumerated() {
      var difference = -sum
      for (entry, word) in zip(vector, words) {
        difference = difference + (word >> UInt64(k) & 1 == 1 ? entry : -entry)
      }
      // `max` would pass over NaN.
      if !(difference.high.magnitude <= largest) { largest = difference.high.magnitude }
    }
    return largest == 0 ? 0 : largest / norm.high
  }
}

/// A row of the stored table.
package struct StoredReference: Sendable {
  package let index: Int
  /// Of the problem's numbers; see ``HuntProblem/fingerprint``.
  package let fingerprint: UInt64
  /// `nil` where no solution is near the planned one.
  package let derivatives: (forward: StoredDerivative, reverse: StoredDerivative)?

  /// The rows of a table of comma-separated values, with a heading.
  ///
  /// - Throws: ``UnreadableRow``.
  package static func rows(of text: String) throws -> [StoredReference] {
    try text.split(separator: "\n").dropFirst().map { try StoredReference(row: $0) }
  }

  private init(row: Substring) throws {
    let cells = row.split(separator: ",", omittingEmptySubsequences: false)
    guard cells.count == 12, let index = Int(cells[0]),
      let fingerprint = UInt64(cells[1], radix: 16)
    else { throw UnreadableRow(text: String(row)) }
    self.index = index
    self.fingerprint = fingerprint
    if cells[2].isEmpty {
      derivatives = nil
      return
    }
    let numbers = try cells[2...].map { cell in
      guard let number = DoubleDouble(decimal: cell) else {
        throw UnreadableRow(text: String(row))
      }
      return number
    }
    derivatives = (
      StoredDerivative(norm: numbers[0], sums: Array(numbers[1..<5])),
      StoredDerivative(norm: numbers[5], sums: Array(numbers[6...]))
    )
  }

  /// The numbers that the signs of the stored sums are drawn from.
  package static func signs(seed: UInt64, index: Int) -> HuntNumbers {
    HuntNumbers(seed: seed ^ 0x5160, index: index)
  }
}

/// A row that is none.
package struct UnreadableRow: Error {
  package let text: String
}
