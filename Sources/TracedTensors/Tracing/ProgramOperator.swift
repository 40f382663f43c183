import Kernels
import Synchronization

/// The Jacobian that a recording holds, from some of its inputs to its outputs, as a linear
/// operator: compiled at the first product, transposed at the first transposed one.
///
/// Products cost one replay and allocate nothing once warm; they may run on many tasks at once.
package final class ProgramOperator: KnowsDefiniteness, HasRoundedForm {
  package let rowCount: Int
  package let columnCount: Int
  let trace: Trace
  let inputs: [Int32]
  let outputs: [Int32]
  private let fuse: Bool
  private let compiled = Mutex(Compiled())

  /// What has been asked for so far; made at the first use and kept.
  private struct Compiled {
    var program: LinearProgram?
    var forward: ExecutableProgram?
    var backward: ExecutableProgram?
    var structure: OperatorStructure?
    var definiteness: Definiteness?
  }

  private struct Definiteness {
    let leastEigenvalueBound: Double?
  }

  /// - Parameter trace: a recording that is over.
  package init(_ trace: Trace, inputs: [Int32], outputs: [Int32], fuse: Bool = true) {
    func total(_ nodes: [Int32]) -> Int { nodes.reduce(0) { $0 + Int(trace.counts[Int($1)]) } }
    rowCount = total(outputs)
    columnCount = total(inputs)
    self.trace = trace
    self.inputs = inputs
    self.outputs = outputs
    self.fuse = fuse
  }

  var program: LinearProgram { compiled.withLock { program(&$0) } }

  /// The executable of this operator, or of its transpose.
  func executable(transposed: Bool) -> ExecutableProgram {
    compiled.withLock { transposed ? backward(&$0) : forward(&$0) }
  }

  private func program(_ compiled: inout Compiled) -> LinearProgram {
    if let program = compiled.program { return program }
    let program = LinearProgram(trace, inputs: inputs, outputs: outputs, fuse: fuse)
    compiled.program = program
    return program
  }

  private func forward(_ compiled: inout Compiled) -> ExecutableProgram {
    if let executable = compiled.forward { return executable }
    let executable = ExecutableProgram(program(&compiled))
    compiled.forward = executable
    return executable
  }

  private func backward(_ compiled: inout Compiled) -> ExecutableProgram {
    if let executable = compiled.backward { return executable }
    let executable = ExecutableProgram(program(&compiled).transposed())
    compiled.backward = executable
    return executable
  }

  package func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>) throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: false)
    try run(executable(transposed: false), x, columns: 1, into: &y)
  }

  package func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    try requireSizes(x.count, y.count, transposed: true)
    try run(executable(transposed: true), x, columns: 1, into: &y)
  }

  /// One replay for all columns: each coefficient is read once.
  package func matmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: false)
    try run(executable(transposed: false), x, columns: k, into: &y)
  }

  package func transposeMatmat(
    _ x: Span<Double>, columns k: Int, into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, columns: k, transposed: true)
    try run(executable(transposed: true), x, columns: k, into: &y)
  }

  private func run(
    _ program: ExecutableProgram, _ x: Span<Double>, columns k: Int,
    into y: inout MutableSpan<Double>
  ) throws(LinearSolveError) {
    var failure: (any Error)?
    x.withUnsafeBufferPointer { input in
      y.withUnsafeMutableBufferPointer { output in
        guard let out = output.baseAddress else { return }
        do {
          try program.run(columns: k, input.baseAddress ?? UnsafePointer(out), into: out)
        } catch {
          failure = error
        }
      }
    }
    guard let failure else { return }
    if let failure = failure as? LinearSolveError { throw failure }
    throw .productFailed("\(failure)")
  }

  package var structure: OperatorStructure {
    compiled.withLock { compiled in
      if let structure = compiled.structure { return structure }
      let structure = program(&compiled).structure
      compiled.structure = structure
      return structure
    }
  }

  package var leastEigenvalueBound: Double? {
    compiled.withLock { compiled in
      if let known = compiled.definiteness { return known.leastEigenvalueBound }
      let bound = program(&compiled).leastEigenvalueBound
      compiled.definiteness = Definiteness(leastEigenvalueBound: bound)
      return bound
    }
  }

  package func roundedForm() -> (any LinearOperator)? { program.roundedForm() }

  package func denseMatrix() throws(LinearSolveError) -> [Double] {
    if let entries = program.entries ?? program.normalEntries { return entries }
    let (m, n) = (rowCount, columnCount)
    var result = [Double](repeating: 0, count: m * n)
    // Columns, or rows if there are fewer, in blocks.
    let transposed = m < n
    let (count, length) = transposed ? (m, n) : (n, m)
    let program = executable(transposed: transposed)
    let width = Swift.min(count, 16)
    var units = [Double](repeating: 0, count: count * width)
    var products = [Double](repeating: 0, count: length * width)
    for first in stride(from: 0, to: count, by: 16) {
      let columns = Swift.min(width, count - first)
      for k in 0..<columns { units[k * count + first + k] = 1 }
      var out = products.mutableSpan
      try run(program, units.span, columns: columns, into: &out)
      for k in 0..<columns {
        units[k * count + first + k] = 0
        for i in 0..<length {
          result[transposed ? (first + k) * n + i : i * n + first + k] = products[k * length + i]
        }
      }
    }
    return result
  }

  package func bandMatrix() throws(LinearSolveError) -> BandMatrix? { program.bands }
}

extension ProgramOperator: ProvenOperator {
  /// Transposition rewrites the program, and structure and entries are read off its terms: only a
  /// custom operation brings a second action of its own. (The maps of the whole recording are asked, so
  /// that nothing is compiled for the question.)
  package var isProven: Bool { trace.maps.allSatisfy(\.isProven) }
}
