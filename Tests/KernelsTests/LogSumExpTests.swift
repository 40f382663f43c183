import Testing

import Kernels

@Suite("log Σ exp")
struct LogSumExpTests {
  func logSumExp(_ x: [Double], outer: Int, count: Int, inner: Int) -> [Double] {
    var y = Array(repeating: 42.0, count: outer * inner)
    ElementwiseKernels.logSumExp(x, outer: outer, count: count, inner: inner, into: &y)
    return y
  }

  func column(_ x: [Double], _ o: Int, _ i: Int, count n: Int, inner: Int) -> [Double] {
    (0..<n).map { x[(o * n + $0) * inner + i] }
  }

  func naive(_ x: [Double]) -> Double {
    let largest = x.max() ?? -.infinity
    return largest + Elementary.log(x.reduce(0) { $0 + Elementary.exp($1 - largest) })
  }

  @Test("is the naive sum, along rows and along columns", arguments: sizes, [1, 2, 7, 8, 9, 20])
  func values(n: Int, inner: Int) {
    if n == 0 { return }
    var numbers = SeededNumbers(seed: 41 * n + inner)
    for scale in [1.0, 40, 900] {
      let outer = 3
      let x = numbers.array(outer * n * inner).map { scale * $0 }
      let y = logSumExp(x, outer: outer, count: n, inner: inner)
      for o in 0..<outer {
        for i in 0..<inner {
          let expected = naive(column(x, o, i, count: n, inner: inner))
          // Two sums of positive numbers, relative errors of n u each, then a logarithm whose absolute
          // error is that; and the last two roundings.
          let limit = tolerance(count: n, magnitude: 1) + 4 * unitRoundoff * abs(expected)
          #expect(abs(y[o * inner + i] - expected) <= limit)
        }
      }
    }
  }

  @Test("a column has the same bits among others and by itself", arguments: [1, 5, 16, 40])
  func columnsAreIndependent(n: Int) {
    var numbers = SeededNumbers(seed: n)
    let inner = 11
    let x = numbers.array(n * inner).map { 30 * $0 }
    let all = logSumExp(x, outer: 1, count: n, inner: inner)
    for i in 0..<inner {
      // With a neighbour, since a single column counts as a row.
      var pair = Array(repeating: 0.0, count: 2 * n)
      for k in 0..<n { pair[2 * k] = x[k * inner + i] }
      let alone = logSumExp(pair, outer: 1, count: n, inner: 2)
      #expect(bits([alone[0]]) == bits([all[i]]))
    }
  }

  @Test("no entry overflows or is lost", arguments: [1, 7, 8, 16, 25])
  func extremes(n: Int) {
    for inner in [1, 3, 8, 10] {
      for shift in [1e300, -1e300, 1000, -1000] {
        let x = Array(repeating: shift, count: n * inner)
        let expected = shift + Elementary.log(Double(n))
        #expect(
          logSumExp(x, outer: 1, count: n, inner: inner).allSatisfy {
            abs($0 - expected) <= 4 * unitRoundoff * abs(expected)
          })
      }
      for place in [0, n / 2, n - 1] {
        for i in [0, inner - 1] {
          var x = Array(repeating: -1e5, count: n * inner)
          for (special, expected) in [(3.0, 3.0), (.infinity, .infinity), (.nan, .nan)] {
            x[place * inner + i] = special
            let y = logSumExp(x, outer: 1, count: n, inner: inner)
            #expect(y[i] == expected || (y[i].isNaN && expected.isNaN))
            let others = y.indices.filter { $0 != i }.map { y[$0] }
            #expect(others.allSatisfy { abs($0 + 1e5) < 10 })
          }
        }
      }
      let nothing = Array(repeating: -Double.infinity, count: n * inner)
      #expect(
        logSumExp(nothing, outer: 1, count: n, inner: inner).allSatisfy { $0 == -.infinity })
    }
    #expect(logSumExp([], outer: 2, count: 0, inner: 9).allSatisfy { $0 == -.infinity })
    #expect(logSumExp([], outer: 2, count: 0, inner: 1).allSatisfy { $0 == -.infinity })
  }
}
