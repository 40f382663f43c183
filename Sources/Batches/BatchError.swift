import ImplicitDifferentiation

/// An item of a batch that failed, and why.
public struct BatchFailure: Error {
  /// The item, counted from 0.
  public let index: Int

  /// What was thrown for it; `CancellationError` if it was not started.
  public let error: any Error
}

/// Why a sum over a batch could not be given. Single results never throw: each is a `Result`.
public enum BatchError: Error {
  /// Some items failed, so what is left is not the whole sum: of `count` items those in `failures`.
  case itemsFailed([BatchFailure], count: Int)

  /// A sum over no items has no shape.
  case noItems

  /// The contribution of an item has another number of entries than those before it.
  case sizeMismatch(index: Int, expected: Int, found: Int)

  /// The sum overflows, first at the given entry.
  case overflow(entry: Int)
}

extension BatchError: CustomStringConvertible {
  /// A sentence with the numbers, and one with what to try.
  public var description: String {
    switch self {
    case .itemsFailed(let failures, let count):
      // A few reasons tell more than a thousand.
      let reasons = failures.prefix(3).map { "Item \($0.index): \($0.error)" }
      let indices = failures.prefix(20).map { "\($0.index)" }.joined(separator: ", ")
      let more = failures.count > 20 ? ", …" : ""
      if failures.count == count {
        return (count == 1 ? "The only item failed. " : "All \(count) items failed. ")
          + reasons.joined(separator: " ")
      }
      return "\(failures.count) of \(count) items failed (\(indices)\(more)), and the sum over the "
        + "others would be the gradient of another loss. " + reasons.joined(separator: " ")
        + " Repair them, or ask for the sum over the others with `failed: .leaveOut`."
    case .noItems:
      return "A sum over no items has no shape. Give at least one item."
    case .sizeMismatch(let index, let expected, let found):
      return
        "Expected \(expected.counted("number")) in the contribution of item \(index), found \(found). "
        + "All items contribute to the same parameter."
    case .overflow(let entry):
      return "Entry \(entry) of the sum is too large for a number. Scale the loss."
    }
  }
}

/// What a sum does about items that failed.
public enum FailedItems: Sendable {
  /// `BatchError.itemsFailed` is thrown, with all of them.
  case refuse

  /// The sum is over the other items, and says which failed.
  case leaveOut
}
