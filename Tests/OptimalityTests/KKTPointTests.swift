import ImplicitDifferentiation
import Optimality
import Testing

@Test func theUnknownsAreListedPrimalFirst() throws {
  let point = KKTPoint<Tensor>(
    primal: [1, 2], equalityMultipliers: [3], inequalityMultipliers: [4, 5])
  #expect(point.variableNames == ["primal", "equalityMultipliers", "inequalityMultipliers"])
  #expect(point.flattened() == [1, 2, 3, 4, 5])
  #expect(try point.rebuilt(from: [5, 4, 3, 2, 1]).inequalityMultipliers.scalars == [2, 1])
}
