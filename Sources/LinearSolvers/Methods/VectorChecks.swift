import Kernels

// What vectors must satisfy before a solve, and after a product.

/// Throws unless `b` has the right length and only finite entries.
func requireRightHandSide(_ b: [Double], count: Int) throws(LinearSolveError) {
  try requireCount(b.count, count, "the right-hand side")
  try requireFiniteEntries(b, "the right-hand side")
}

/// Throws unless the initial guess has the right length and only finite entries.
func requireInitialGuess(_ x: [Double], count: Int) throws(LinearSolveError) {
  try requireCount(x.count, count, "the initial guess")
  try requireFiniteEntries(x, "the initial guess")
}

/// Throws ``LinearSolveError/notFinite(what:index:value:)`` for the first NaN or infinity.
func requireFinite(
  _ x: UnsafePointer<Double>, count: Int, _ what: @autoclosure () -> String
) throws(LinearSolveError) {
  if let index = Vector.firstNonFinite(x, count: count) {
    throw .notFinite(what: what(), index: index, value: x[index])
  }
}

/// The same for an array.
func requireFiniteEntries(
  _ x: [Double], _ what: @autoclosure () -> String
) throws(LinearSolveError) {
  try requireFinite(x, count: x.count, what())
}
