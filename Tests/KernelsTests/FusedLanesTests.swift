import Testing

@testable import Kernels

/// One kind of lane: what it multiplies with, and how it steps.
private struct LaneKind: CustomTestStringConvertible, Sendable {
  var testDescription: String
  var hasCoefficient: Bool
  var coefficientStride = 1
  var scale = 1.0
  var bias = 0.0
  var stride = 1

  static let all = [
    LaneKind(testDescription: "constant", hasCoefficient: false, bias: -1.5),
    LaneKind(testDescription: "product", hasCoefficient: true),
    LaneKind(testDescription: "affine", hasCoefficient: true, scale: 0.75, bias: 2.25),
    LaneKind(testDescription: "repeated coefficient", hasCoefficient: true, coefficientStride: 0),
    LaneKind(testDescription: "every other entry", hasCoefficient: true, stride: 2),
    LaneKind(testDescription: "broadcast", hasCoefficient: false, bias: 3, stride: 0),
  ]
}

/// Lengths around the vector width and the chunk of the executor.
private let lengths = [1, 9, 32, 33, 39, 40, 41, 1025, 2051]

@Suite("Fused lanes")
struct FusedLanesTests {
  /// What the executor computes is defined lane by lane; the sums, taken in registers or not,
  /// must have the same bits.
  private func check(
    _ lanes: [ProgramLane], count n: Int, input: [Double], old: [Double], firstStores: Bool,
    accumulates: Bool = false
  ) {
    var expected = accumulates ? old : [Double](repeating: 0, count: n)
    for (index, lane) in lanes.enumerated() {
      let stores = index == 0 && firstStores
      let (scale, bias, step) = (lane.scale, lane.bias, lane.coefficientStride)
      let (start, offset, stride) = (lane.outStart, lane.offset, lane.stride)
      for k in 0..<lane.count {
        var factor = bias
        if let c = lane.coefficient { factor = scale * c[k * step] + bias }
        let product = factor * input[offset + k * stride]
        expected[start + k] = stores ? product : expected[start + k] + product
      }
    }
    let instruction = ProgramInstruction(
      space: .output, offset: 0, count: n, lanes: 0..<lanes.count, terms: 0..<0,
      firstStores: firstStores, accumulates: accumulates)
    var output = old
    var workspace = [0.0]
    output.withUnsafeMutableBufferPointer { output in
      input.withUnsafeBufferPointer { input in
        lanes.withUnsafeBufferPointer { lanes in
          withUnsafePointer(to: instruction) { instruction in
            guard let input = input.baseAddress, let output = output.baseAddress else { return }
            ProgramExecutor.run(
              UnsafeBufferPointer(start: instruction, count: 1), lanes: lanes.baseAddress,
              terms: nil, input: input, output: output, workspace: &workspace, scratch: nil)
          }
        }
      }
    }
    #expect(output.map(\.bitPattern) == expected.map(\.bitPattern))
  }

  @Test("All pairs and triples of kinds", arguments: LaneKind.all, LaneKind.all)
  private func kinds(first: LaneKind, second: LaneKind) {
    for (position, third) in LaneKind.all.enumerated() {
      // The first two come with every third: once is enough.
      let counts = position == 0 ? 1...3 : 3...3
      for n in lengths {
        var random = SeededNumbers(seed: 7)
        let input = random.array(2 * n + 4)
        let coefficients = random.array(n)
        let old = random.array(n)
        coefficients.withUnsafeBufferPointer { c in
          let lanes = [first, second, third].enumerated().map { index, kind in
            ProgramLane(
              space: .input, offset: index, stride: kind.stride, outStart: 0, count: n,
              coefficient: kind.hasCoefficient ? c.baseAddress : nil,
              coefficientStride: kind.coefficientStride, scale: kind.scale, bias: kind.bias)
          }
          for count in counts {
            let some = Array(lanes[..<count])
            check(some, count: n, input: input, old: old, firstStores: true)
            check(some, count: n, input: input, old: old, firstStores: false)
            check(some, count: n, input: input, old: old, firstStores: false, accumulates: true)
          }
        }
      }
    }
  }

  /// Windows that begin and end anywhere; above 16 lanes the executor takes them one by one.
  @Test("Random windows", arguments: [1, 2, 3, 4, 5, 7, 12, 16, 17, 40])
  func windows(laneCount: Int) {
    for seed in 1...40 {
      var random = SeededNumbers(seed: seed * 100 + laneCount)
      let n = 1 + Int(random.unit() * (seed % 4 == 0 ? 3000 : 200))
      let input = random.array(2 * n + 64)
      let coefficients = random.array(n)
      let old = random.array(n)
      let covering = random.unit() < 0.5
      coefficients.withUnsafeBufferPointer { c in
        let lanes = (0..<laneCount).map { index in
          let kind = LaneKind.all[Int(random.unit() * Double(LaneKind.all.count))]
          let full = index == 0 && covering
          let start = full ? 0 : Int(random.unit() * Double(n))
          let count = full ? n : Int(random.unit() * Double(n - start + 1))
          return ProgramLane(
            space: .input, offset: Int(random.unit() * 60), stride: kind.stride, outStart: start,
            count: count, coefficient: kind.hasCoefficient ? c.baseAddress : nil,
            coefficientStride: kind.coefficientStride, scale: kind.scale, bias: kind.bias)
        }
        check(lanes, count: n, input: input, old: old, firstStores: covering)
        check(lanes, count: n, input: input, old: old, firstStores: false, accumulates: true)
      }
    }
  }
}

extension SeededNumbers {
  /// Between 0 and 1, 1 excluded.
  fileprivate mutating func unit() -> Double { Double(nextBits() >> 11) * 0x1p-53 }
}
