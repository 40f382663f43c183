import Testing

@testable import TracedTensors

@Suite struct ShapeTests {
  @Test(
    "Counts, strides and words",
    arguments: [
      ([], 1, [], "[]"), ([5], 5, [1], "[5]"), ([2, 3], 6, [3, 1], "[2×3]"),
      ([0, 3], 0, [3, 1], "[0×3]"),
      ([2, 1, 4, 3, 1, 2, 1, 2], 96, [48, 48, 12, 4, 4, 2, 2, 1], "[2×1×4×3×1×2×1×2]"),
    ] as [([Int], Int, [Int], String)])
  func basics(_ extents: [Int], _ count: Int, _ strides: [Int], _ words: String) {
    let shape = Shape(extents)
    #expect(shape.extents == extents && shape.rank == extents.count)
    #expect(shape.count == count && shape.strides == strides && "\(shape)" == words)
    #expect(
      shape == Shape(extents) && shape != Shape(extents + (extents.count < 8 ? [1] : []))
        || extents.count == 8)
  }

  @Test(
    "Broadcasting aligns at the right and stretches extents of 1",
    arguments: [
      ([], [3], [3]), ([3], [3], [3]), ([2, 1], [3], [2, 3]), ([2, 3], [3], [2, 3]),
      ([1], [0], [0]),
      ([4, 1, 2], [3, 1], [4, 3, 2]), ([2], [3], nil), ([2, 3], [2], nil), ([0], [2], nil),
      ([1, 1, 1, 1, 2], [5, 1], [1, 1, 1, 5, 2]),
    ] as [([Int], [Int], [Int]?)])
  func broadcasting(_ a: [Int], _ b: [Int], _ expected: [Int]?) {
    #expect(Shape.broadcast(Shape(a), Shape(b))?.extents == expected)
    #expect(Shape.broadcast(Shape(b), Shape(a))?.extents == expected)
    if let expected {
      // An axis that stretches has the stride 0.
      let strides = Shape(a).strides(broadcastTo: Shape(expected))
      let padded = [Int](repeating: 1, count: expected.count - a.count) + a
      for (axis, extent) in padded.enumerated() where extent == 1 { #expect(strides[axis] == 0) }
    }
  }

  @Test("Without one axis")
  func removing() {
    #expect(Shape([2, 3, 4]).removing(axis: 1) == Shape([2, 4]))
    #expect(Shape([2]).removing(axis: 0) == .scalar)
  }
}
