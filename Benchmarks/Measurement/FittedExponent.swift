#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `p` of the power `c nᵖ` that comes closest to the values, by least squares in logarithms: the slope
/// of the line through the points of a double logarithmic plot. NaN for fewer than two sizes.
package func fittedExponent(_ points: [(n: Double, value: Double)]) -> Double {
  let (x, y) = (points.map { log($0.n) }, points.map { log($0.value) })
  let count = Double(points.count)
  let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
  let products = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
  let squares = x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
  return squares == 0 ? .nan : products / squares
}
