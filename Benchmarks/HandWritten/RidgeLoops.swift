/// `XᵀX v / m + θ ∘ v` for an `X` of `m × n`, by two loops over its rows. Not inlined, so that no
/// contestant profits from being known to its caller.
@inline(never)
package func naiveRidgeProduct(
  _ matrix: [Double], rows m: Int, columns n: Int, _ penalty: [Double], _ v: [Double],
  residual: inout [Double], into out: inout [Double]
) {
  for i in 0..<m {
    var sum = 0.0
    for j in 0..<n { sum += matrix[i * n + j] * v[j] }
    residual[i] = sum / Double(m)
  }
  for j in 0..<n { out[j] = penalty[j] * v[j] }
  for i in 0..<m {
    let r = residual[i]
    for j in 0..<n { out[j] += matrix[i * n + j] * r }
  }
}

/// The same with every sum compensated (T. Ogita, S. M. Rump and S. Oishi, SIAM J. Sci. Comput. 26
/// (2005), 1955–1988, sums only), so that the error printed is the contestant's.
package func ridgeReference(
  _ matrix: [Double], rows m: Int, columns n: Int, _ penalty: [Double], _ v: [Double],
  into out: inout [Double]
) {
  var sums = [CompensatedSum](repeating: CompensatedSum(), count: n)
  for i in 0..<m {
    var row = CompensatedSum()
    for j in 0..<n { row.add(matrix[i * n + j] * v[j]) }
    let r = row.value / Double(m)
    for j in 0..<n { sums[j].add(matrix[i * n + j] * r) }
  }
  for j in 0..<n {
    sums[j].add(penalty[j] * v[j])
    out[j] = sums[j].value
  }
}
