import Kernels
import TensorChecks
import Testing

@testable import TracedTensors

@Suite struct TraceTests {
  @Test("Terms lead into the newest node, and are found by node")
  func recording() {
    let trace = Trace()
    defer { trace.close() }
    let x = trace.input(Tensor([1, 2, 3]))
    let y = 2 * x + x * x
    let s = y.sum()
    let out = trace.output(s)
    #expect(trace.counts.map(Int.init) == [3, 3, 3, 3, 1, 1])
    #expect((0..<6).map { trace.termRange(into: $0).count } == [0, 1, 2, 2, 1, 1])
    #expect(s.node(in: trace) == 4 && out == 5)
    for node in 0..<6 {
      for term in trace.terms[trace.termRange(into: node)] {
        #expect(Int(term.destination) == node && term.source < term.destination)
      }
    }
    // x · x reads its own value twice; it is kept once.
    #expect(trace.coefficients.count == 2)
    #expect(trace.bytes == trace.terms.count * MemoryLayout<Term>.stride + 6 * 8 + 3 * 8)
  }

  @Test("Reshaping records nothing; a constant gets an output of its own without terms")
  func views() {
    let trace = Trace()
    defer { trace.close() }
    let x = trace.input(Tensor([1, 2, 3, 4]))
    let square = x.reshaped([2, 2]).flattened().expanded(atAxis: 0)
    #expect(trace.nodeCount == 1 && square.node(in: trace) == x.node(in: trace))
    let constant = trace.output(Tensor([5, 6]))
    #expect(trace.termRange(into: Int(constant)).isEmpty)
  }

  @Test("Later traces have higher levels; the innermost of several operands is the latest")
  func levels() {
    let (outer, inner) = (Trace(), Trace())
    defer {
      inner.close()
      outer.close()
    }
    #expect(inner.level > outer.level)
    let x = outer.input(Tensor([1]))
    let y = inner.input(x)
    let constant = Tensor([2])
    #expect(innermostTrace(of: [x, y, constant]) === inner && innermostTrace(of: [x]) === outer)
    #expect(innermostTrace(x, y) === inner && innermostTrace(y, x) === inner)
    #expect(innermostTrace(x, constant) === outer && innermostTrace(constant, x) === outer)
    #expect(innermostTrace(constant, constant) == nil && innermostTrace(of: [constant]) == nil)
    let product = y * x
    #expect(product.node(in: inner) != nil && product.node(in: outer) == nil)
    #expect(product.lowered(below: inner).node(in: outer) != nil)
    #expect(y.lowered(below: outer).node(in: inner) != nil)
    #expect(!product.lowered(below: inner).lowered(below: outer).isTraced)
  }

  @Test("A term transposed twice is itself")
  func transposition() {
    var term = Term(
      geometry: StridedTerm(
        extents: SIMD4(2, 3, 1, 1), output: StridedView(base: 1, strides: SIMD4(1, 0, 0, 0)),
        coefficient: StridedView(strides: SIMD4(3, 1, 0, 0)),
        input: StridedView(strides: SIMD4(0, 1, 0, 0))), scale: 2, bias: 0.5, source: 3,
      destination: 8)
    term.table = 1
    term.map = 4
    let twice = term.transposed.transposed
    #expect(twice.geometry == term.geometry && twice.source == 3 && twice.destination == 8)
    #expect(twice.tableSide == term.tableSide && twice.mapTransposed == term.mapTransposed)
    #expect(term.transposed.tableSide == .output && term.transposed.mapTransposed)
    #expect(term.transposed.source == 8 && term.transposed.geometry.output == term.geometry.input)
  }
}
