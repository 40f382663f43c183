/// The product with a tridiagonal matrix that has −1 beside its diagonal. Not inlined, so that no
/// contestant profits from being known to its caller.
@inline(never)
package func naiveTridiagonalProduct(
  _ diagonal: [Double], _ v: [Double], into out: inout [Double]
) {
  let n = v.count
  for i in 0..<n {
    var sum = diagonal[i] * v[i]
    if i > 0 { sum -= v[i - 1] }
    if i < n - 1 { sum -= v[i + 1] }
    out[i] = sum
  }
}
