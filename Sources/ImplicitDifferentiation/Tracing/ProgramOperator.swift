import Kernels
import Synchronization

/// A value computed at its first use and kept; any task may ask for it.
final class Lazy<Value: Sendable>: Sendable {
  private let state = Mutex<Value?>(nil)
  private let make: @Sendable () -> Value

  init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  var value: Value {
    state.withLock { state in
      if let value = state { return value }
      let value = make()
      state = value
      return value
    }
  }
}

/// The Jacobian that a recording holds, from some of its inputs to its outputs, as a linear
/// operator: compiled at the first product, transposed at the first transposed one.
///
/// Products cost one replay and allocate nothing once warm; they may run on many tasks at once.
final class ProgramOperator: LinearOperator {
  let rowCount: Int
  let columnCount: Int
  private let forward: Lazy<ExecutableProgram>
  private let backward: Lazy<ExecutableProgram>
  private let pattern: Lazy<OperatorStructure>

  /// - Parameter trace: a recording that is over.
  init(_ trace: Trace, inputs: [Int32], outputs: [Int32], fuse: Bool = true) {
    func total(_ nodes: [Int32]) -> Int { nodes.reduce(0) { $0 + Int(trace.counts[Int($1)]) } }
    rowCount = total(outputs)
    columnCount = total(inputs)
    let forward = Lazy {
      ExecutableProgram(LinearProgram(trace, inputs: inputs, outputs: outputs, fuse: fuse))
    }
    self.forward = forward
    backward = Lazy { ExecutableProgram(forward.value.program.transposed()) }
    pattern = Lazy { forward.value.program.structure }
  }

  var program: LinearProgram { forward.value.program }

  /// The executable of this operator, or of its transpose.
  func executable(transposed: Bool) -> ExecutableProgram {
    transposed ? backward.value : forward.value
  }

  func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, transposed: false)
    try run(forward.value, x, into: &y)
  }

  func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: true)
    try run(backward.value, x, into: &y)
  }

  private func run(
    _ program: ExecutableProgram, _ x: Span<Double>, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    var failure: (any Error)?
    x.withUnsafeBufferPointer { input in
      y.withUnsafeMutableBufferPointer { output in
        guard let out = output.baseAddress else { return }
        do {
          try program.run(input.baseAddress ?? UnsafePointer(out), into: out)
        } catch {
          failure = error
        }
      }
    }
    guard let failure else { return }
    if let failure = failure as? LinearSolveError { throw failure }
    throw .productFailed("\(failure)")
  }

  var structure: OperatorStructure { pattern.value }

  func denseMatrix() throws(LinearSolveError) -> [Double] {
    if let entries = program.entries { return entries }
    let (m, n) = (rowCount, columnCount)
    var result = [Double](repeating: 0, count: m * n)
    // Column by column, or row by row if there are fewer rows.
    let transposed = m < n
    let count = transposed ? m : n
    var unit = [Double](repeating: 0, count: count)
    for k in 0..<count {
      unit[k] = 1
      let product = try transposed ? transposeApplied(to: unit) : applied(to: unit)
      unit[k] = 0
      for (i, value) in product.enumerated() {
        result[transposed ? k * n + i : i * n + k] = value
      }
    }
    return result
  }

  func bandMatrix() throws(LinearSolveError) -> BandMatrix? { program.bands }
}
