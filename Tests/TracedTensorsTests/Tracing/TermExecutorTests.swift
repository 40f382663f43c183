import Kernels
import TensorChecks
import Testing

@testable import TracedTensors

/// The strided terms of `Kernels` and the executor that runs them, against four nested loops.
@Suite struct TermExecutorTests {
  private static func whole(_ count: Int, _ choices: inout Choices) -> [Double] {
    (0..<count).map { _ in Double(choices.below(9) - 4) }
  }

  /// `(scale, bias)` with exact products of small whole numbers.
  private static let factors: [(Double, Double)] = [(1, 0), (0.5, 0), (1, 2), (-2, 0.25), (0, 3)]

  @Test("Canonical axes leave the matrix as it is")
  func canonicalFormKeepsTheMatrix() {
    var choices = Choices(seed: 3)
    for _ in 0..<5000 {
      let term = TestTerm.random(&choices)
      let c = Self.whole(term.coefficientCount, &choices)
      let canonical = term.geometry.canonical(hasCoefficient: true)
      func matrix(_ g: StridedTerm) -> [Double] {
        TestTerm.matrix(g, rows: term.outputCount, columns: term.inputCount) { c[$0] }
      }
      #expect(matrix(canonical) == matrix(term.geometry), "\(term.geometry)")
      // Long axes come first and none of extent 1 is left between them.
      var ended = false
      for axis in 0..<4 {
        if canonical.extents[axis] == 1 { ended = true } else { #expect(!ended) }
      }
      #expect(canonical.volume == term.geometry.volume)
    }
  }

  @Test("Adding and storing a term", arguments: [true, false])
  func addAndStore(_ hasCoefficient: Bool) {
    var choices = Choices(seed: hasCoefficient ? 5 : 6)
    for trial in 0..<10_000 {
      let term = TestTerm.random(&choices)
      let (scale, bias) = Self.factors[trial % Self.factors.count]
      let c = Self.whole(term.coefficientCount, &choices)
      let x = Self.whole(term.inputCount, &choices)
      let start = Self.whole(term.outputCount, &choices)
      var expected = start
      var writes = [Int](repeating: 0, count: term.outputCount)
      TestTerm.forEachPoint(term.geometry) { o, k, i in
        expected[o] += (hasCoefficient ? scale * c[k] + bias : bias) * x[i]
        writes[o] += 1
      }
      let g = term.geometry.canonical(hasCoefficient: hasCoefficient)
      var scratch = [Double](
        repeating: .nan, count: TermExecutor.scratchCount(g, hasCoefficient: hasCoefficient))
      for useScratch in [false, true] {
        var result = start
        result.withUnsafeMutableBufferPointer { out in
          scratch.withUnsafeMutableBufferPointer { scratch in
            guard let output = out.baseAddress else { return }
            c.withUnsafeBufferPointer { c in
              x.withUnsafeBufferPointer { x in
                guard let input = x.baseAddress else { return }
                TermExecutor.add(
                  g, scale: scale, bias: bias, coefficient: hasCoefficient ? c.baseAddress : nil,
                  input: input, output: output,
                  scratch: useScratch && !scratch.isEmpty ? scratch.baseAddress : nil)
              }
            }
          }
        }
        #expect(result == expected, "\(term.geometry), scale \(scale), bias \(bias)")
      }
      // Storing needs a view that writes each entry once.
      guard writes.allSatisfy({ $0 <= 1 }) else { continue }
      var stored = start
      stored.withUnsafeMutableBufferPointer { out in
        guard let output = out.baseAddress else { return }
        c.withUnsafeBufferPointer { c in
          x.withUnsafeBufferPointer { x in
            guard let input = x.baseAddress else { return }
            TermExecutor.store(
              g, scale: scale, bias: bias, coefficient: hasCoefficient ? c.baseAddress : nil,
              input: input, output: output)
          }
        }
      }
      for k in writes.indices {
        let added = expected[k] - start[k]
        #expect(stored[k] == (writes[k] == 1 ? added : start[k]), "\(term.geometry)")
      }
    }
  }

  @Test(
    "Long rows: every width at which a kernel changes its stride",
    arguments: [
      0, 1, 7, 8, 9, 15, 16, 17, 33, 1023, 1024, 1025, 2500,
    ])
  func longRows(_ n: Int) {
    var choices = Choices(seed: n)
    let c = Self.whole(n, &choices)
    let x = Self.whole(n, &choices)
    for (scale, bias) in Self.factors {
      // A row, a dot product, a multiple of the coefficient.
      for (o, i) in [(1, 1), (0, 1), (1, 0), (0, 0)] as [(Int32, Int32)] {
        var term = StridedTerm(count: n)
        term.output.strides[0] = o
        term.input.strides[0] = i
        let start = Self.whole(max(n, 1), &choices)
        var expected = start
        TestTerm.forEachPoint(term) { out, k, from in
          expected[out] += (scale * c[k] + bias) * x[from]
        }
        var result = start
        result.withUnsafeMutableBufferPointer { out in
          guard let output = out.baseAddress, n > 0 else { return }
          c.withUnsafeBufferPointer { c in
            x.withUnsafeBufferPointer { x in
              guard let input = x.baseAddress else { return }
              TermExecutor.add(
                term, scale: scale, bias: bias, coefficient: c.baseAddress, input: input,
                output: output)
            }
          }
        }
        #expect(result == expected, "strides \(o) and \(i), scale \(scale), bias \(bias)")
      }
    }
  }

  @Test("Products and sums of two affine coefficients")
  func affineCoefficients() {
    var choices = Choices(seed: 12)
    for _ in 0..<500 {
      var term = TestTerm.random(&choices)
      // The result is written once, in row-major order of the box.
      var step: Int32 = 1
      for axis in stride(from: 3, through: 0, by: -1) {
        term.geometry.output.strides[axis] = term.geometry.extents[axis] == 1 ? 0 : step
        step *= term.geometry.extents[axis]
      }
      term.geometry.output.base = 0
      let c1 = Self.whole(term.coefficientCount, &choices)
      let c2 = Self.whole(term.inputCount, &choices)
      var (products, sums) = ([Double](), [Double]())
      TestTerm.forEachPoint(term.geometry) { _, p, q in
        products.append((2 * c1[p] - 1) * (0.5 * c2[q] + 3))
        sums.append(2 * c1[p] + 0.5 * c2[q] - 7)
      }
      var (found, added) = (products, sums)
      c1.withUnsafeBufferPointer { c1 in
        c2.withUnsafeBufferPointer { c2 in
          found.withUnsafeMutableBufferPointer { found in
            added.withUnsafeMutableBufferPointer { added in
              guard let p = c1.baseAddress, let q = c2.baseAddress, let product = found.baseAddress,
                let sum = added.baseAddress
              else { return }
              found.update(repeating: .nan)
              added.update(repeating: .nan)
              TermExecutor.affineProduct(term.geometry, 2, p, -1, 0.5, q, 3, into: product)
              TermExecutor.affineSum(term.geometry, 2, p, 0.5, q, -7, into: sum)
            }
          }
        }
      }
      #expect(found == products && added == sums, "\(term.geometry)")
    }
  }
}
