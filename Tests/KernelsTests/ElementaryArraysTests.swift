import Testing

import Kernels

@Suite("Elementary functions of arrays")
struct ElementaryArraysTests {
  typealias ArrayForm =
    @Sendable (
      UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int
    ) -> Void

  struct Function: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let ofNumber: @Sendable (Double) -> Double
    let ofArray: ArrayForm
  }

  static let functions = [
    Function(testDescription: "exp", ofNumber: { Elementary.exp($0) }) {
      Elementary.exp($0, into: $1, count: $2)
    },
    Function(testDescription: "log", ofNumber: { Elementary.log($0) }) {
      Elementary.log($0, into: $1, count: $2)
    },
    Function(testDescription: "sin", ofNumber: { Elementary.sin($0) }) {
      Elementary.sin($0, into: $1, count: $2)
    },
    Function(testDescription: "cos", ofNumber: { Elementary.cos($0) }) {
      Elementary.cos($0, into: $1, count: $2)
    },
    Function(testDescription: "tanh", ofNumber: { Elementary.tanh($0) }) {
      Elementary.tanh($0, into: $1, count: $2)
    },
    Function(testDescription: "logistic", ofNumber: { Elementary.logistic($0) }) {
      Elementary.logistic($0, into: $1, count: $2)
    },
    Function(testDescription: "softplus", ofNumber: { Elementary.softplus($0) }) {
      Elementary.softplus($0, into: $1, count: $2)
    },
  ]

  /// Arguments of every kind: ordinary ones in whole groups of eight, and mixed ones.
  static let arguments: [Double] = {
    var numbers = SeededNumbers(seed: 9)
    var x: [Double] = []
    for scale in [1e-300, 1e-9, 1, 5, 40, 700, 1e3, 1e200] {
      x += numbers.array(64).map { scale * $0 }
      x += numbers.array(64).map { scale * abs($0) }
    }
    x += (0..<512).map { _ in Double(bitPattern: numbers.nextBits()) }
    let special: [Double] = [0, -0.0, .infinity, -.infinity, 0x1p-1074, 709, -708, 710, -746, 1]
    for (i, v) in special.enumerated() {
      x += numbers.array(8)
      x[x.count - 1 - i % 8] = v
    }
    return x
  }()

  @Test("an entry has the bits of the number alone, wherever it stands", arguments: functions)
  func bitwise(function: Function) {
    let all = Self.arguments
    let alone = all.map(function.ofNumber)
    for (start, count) in [(0, all.count), (1, all.count - 1), (3, 7), (5, 8), (2, 21), (4, 0)] {
      let x = Array(all[start..<(start + count)])
      var y = Array(repeating: 42.0, count: count + 1)
      function.ofArray(x, &y, count)
      #expect(y[count] == 42)
      for i in 0..<count {
        // The sign and payload of NaN are nobody's business.
        let same =
          y[i].bitPattern == alone[start + i].bitPattern || (y[i].isNaN && alone[start + i].isNaN)
        #expect(same, "\(function.testDescription)(\(x[i]))")
      }
    }
  }

  @Test("in place", arguments: functions)
  func inPlace(function: Function) {
    let x = Array(Self.arguments[128..<149])
    var y = x
    y.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { function.ofArray(base, base, buffer.count) }
    }
    let alone = x.map(function.ofNumber)
    #expect(zip(y, alone).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
  }

  @Test("NaN comes through, at its place only", arguments: functions)
  func notANumber(function: Function) {
    for place in 0..<21 {
      var x = Array(repeating: 0.5, count: 21)
      x[place] = .nan
      var y = x
      function.ofArray(x, &y, 21)
      #expect(y.indices.filter { y[$0].isNaN } == [place])
    }
  }
}
