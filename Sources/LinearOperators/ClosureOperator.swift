/// An operator given by functions for its products, from array to array.
///
/// The quickest way to hand a map to a solver; each product allocates its result. Errors thrown
/// by the functions arrive as ``LinearSolveError/productFailed(_:)``. What is stated here is tried
/// with random vectors when a solver is prepared, and a false statement is thrown as
/// ``LinearSolveError/structureMismatch(declared:relativeDefect:)``.
public struct ClosureOperator: LinearOperator {
  /// `m`, the length of `A x`.
  public let rowCount: Int

  /// `n`, the length of `x`.
  public let columnCount: Int

  /// As it was stated.
  public let structure: OperatorStructure

  /// Whether one function was given for both products.
  package let isDeclaredSymmetric: Bool
  private let product: @Sendable ([Double]) throws -> [Double]
  private let transposedProduct: (@Sendable ([Double]) throws -> [Double])?

  /// The operator `x ↦ matvec(x)` of `rowCount × columnCount`.
  ///
  /// - Parameters:
  ///   - structure: where its entries are, if that is certain.
  ///   - matvec: `A x`, from `columnCount` numbers to `rowCount`.
  ///   - transposeMatvec: `Aᵀ y`, from `rowCount` numbers to `columnCount`. Without it whatever
  ///     needs the transpose throws.
  public init(
    rowCount: Int, columnCount: Int, structure: OperatorStructure = .unknown,
    matvec: @escaping @Sendable ([Double]) throws -> [Double],
    transposeMatvec: (@Sendable ([Double]) throws -> [Double])? = nil
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.structure = structure
    isDeclaredSymmetric = false
    product = matvec
    transposedProduct = transposeMatvec
  }

  /// The operator of a symmetric matrix: one function is both products.
  public init(
    symmetric count: Int, structure: OperatorStructure = .unknown,
    matvec: @escaping @Sendable ([Double]) throws -> [Double]
  ) {
    rowCount = count
    columnCount = count
    self.structure = structure
    isDeclaredSymmetric = true
    product = matvec
    transposedProduct = matvec
  }

  /// `y ← A x`, by the function given for it.
  public func matvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  { try apply(product, to: x, into: &y, transposed: false) }

  /// `y ← Aᵀ x`, by the function given for it; throws if there is none.
  public func transposeMatvec(_ x: Span<Double>, into y: inout MutableSpan<Double>)
    throws(LinearSolveError)
  {
    guard let transposedProduct else {
      throw .productFailed("the operator was given no product with its transpose")
    }
    try apply(transposedProduct, to: x, into: &y, transposed: true)
  }

  private func apply(
    _ function: @Sendable ([Double]) throws -> [Double], to x: Span<Double>,
    into y: inout MutableSpan<Double>, transposed: Bool
  ) throws(LinearSolveError) {
    try requireSizes(x.count, y.count, transposed: transposed)
    let input = [Double](unsafeUninitializedCapacity: x.count) { buffer, count in
      for i in x.indices { buffer.initializeElement(at: i, to: x[i]) }
      count = x.count
    }
    let output: [Double]
    do {
      output = try function(input)
    } catch let error as LinearSolveError {
      throw error
    } catch {
      throw .productFailed("\(error)")
    }
    try requireCount(output.count, y.count, "the array returned by the product")
    for i in y.indices { y[i] = output[i] }
  }
}
