import Synchronization

/// The last input that an implicit function was solved at, and its solution.
///
/// ```swift
/// let squareRoot = function.memoized()
/// let y = try squareRoot(x)                    // runs the solver
/// let gradient = try squareRoot.pullback(at: x, u)   // does not
/// squareRoot.lastSolve?.invalidate()
/// ```
///
/// What is kept: one input, the solution, and the conditions with what the solver handed on to them;
/// nothing of a derivative. It is used when the next input is the same to the last bit: all numbers
/// and shapes of all its tensors, constants included (`0` and `−0` differ). A solver that throws
/// leaves what was there.
///
/// It is *wrong* for a solver that depends on anything besides the tensors of its input: a captured
/// variable that changes, a field that the structure does not list, a file, the time, a generator
/// of random numbers, the solution before (a warm start). Call ``invalidate()`` when such a thing
/// has changed, or do not memoize.
///
/// Any number of tasks may use it. The solver runs outside of the lock, so tasks that arrive
/// together at a new input may each run it.
public final class LastSolve<Input: TensorStructure, Output: TensorStructure>: Sendable {
  private struct State: Sendable {
    var input: Input?
    var solved: Solved<Input, Output>?
    /// How often it was invalidated.
    var generation = 0
  }

  private let state = Mutex(State())

  init() {}

  /// Forgets the solution, and keeps any solver that is running from being remembered.
  public func invalidate() {
    state.withLock { state in
      state = State(generation: state.generation + 1)
    }
  }

  /// The solution at `x`: the one kept if it belongs to `x`, else that of `solve`, which is kept.
  func solution(
    _ x: Input, or solve: (Input) throws -> Solved<Input, Output>
  ) throws -> Solved<Input, Output> {
    let found = state.withLock { $0 }
    if let input = found.input, let solved = found.solved, hasSameBits(input, x) { return solved }
    let solved = try solve(x)
    state.withLock { state in
      // Invalidated while the solver ran: it may have seen what was there before.
      if state.generation != found.generation { return }
      state.input = x
      state.solved = solved
    }
    return solved
  }
}

extension ImplicitFunction {
  /// The same function, remembering its last solution, so that a value and a derivative at one input
  /// run the solver once. See ``LastSolve`` for when that is wrong. Copies of the result share what
  /// it remembers.
  public func memoized() -> ImplicitFunction {
    var function = self
    function.lastSolve = LastSolve()
    return function
  }
}

/// Whether two structures hold the same tensors, by name, shape and bits.
private func hasSameBits<Value: TensorStructure>(_ a: Value, _ b: Value) -> Bool {
  var others: [(name: String, tensor: Tensor, isConstant: Bool)] = []
  b.forEachTensor(named: "", isConstant: false) { others.append(($0, $1, $2)) }
  var place = 0
  var areSame = true
  a.forEachTensor(named: "", isConstant: false) { name, tensor, isConstant in
    defer { place += 1 }
    guard areSame, place < others.count else { return areSame = false }
    let other = others[place]
    areSame =
      name == other.name && isConstant == other.isConstant && tensor.hasSameBits(as: other.tensor)
  }
  return areSame && place == others.count
}

extension Tensor {
  /// Whether shape and numbers are the same to the last bit; neither is traced.
  fileprivate func hasSameBits(as other: Tensor) -> Bool {
    guard dimensions == other.dimensions else { return false }
    if storage === other.storage { return true }
    let (a, b) = (storage.values, other.storage.values)
    return (0..<count).allSatisfy { a[$0].bitPattern == b[$0].bitPattern }
  }
}
