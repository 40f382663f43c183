// Products as the iterations use them: with vectors in memory of their own.

extension LinearOperator {
  /// `w ← A v` or `Aᵀ v` on pointers.
  func multiply(
    _ v: UnsafePointer<Double>, into w: UnsafeMutablePointer<Double>, transposed: Bool
  ) throws(LinearSolveError) {
    let inputCount = transposed ? rowCount : columnCount
    let outputCount = transposed ? columnCount : rowCount
    let input = UnsafeBufferPointer(start: v, count: inputCount)
    let output = UnsafeMutableBufferPointer(start: w, count: outputCount)
    var span = output.mutableSpan
    if transposed {
      try transposeMatvec(input.span, into: &span)
    } else {
      try matvec(input.span, into: &span)
    }
  }

  /// `W ← A V` or `Aᵀ V` on pointers, for `k` columns one after the other. Where that throws, each
  /// column is multiplied by itself: the errors, by column, say which are at fault.
  func multiplyEach(
    _ v: UnsafePointer<Double>, columns k: Int, into w: UnsafeMutablePointer<Double>,
    transposed: Bool
  ) -> [Int: LinearSolveError] {
    let (inputCount, outputCount) = transposed ? (rowCount, columnCount) : (columnCount, rowCount)
    if k > 1 {
      let input = UnsafeBufferPointer(start: v, count: inputCount * k)
      let output = UnsafeMutableBufferPointer(start: w, count: outputCount * k)
      var span = output.mutableSpan
      do {
        if transposed {
          try transposeMatmat(input.span, columns: k, into: &span)
        } else {
          try matmat(input.span, columns: k, into: &span)
        }
        return [:]
      } catch {
        // Told column by column below.
      }
    }
    var errors: [Int: LinearSolveError] = [:]
    for j in 0..<k {
      do {
        try multiply(v + j * inputCount, into: w + j * outputCount, transposed: transposed)
      } catch {
        errors[j] = error
      }
    }
    return errors
  }
}
