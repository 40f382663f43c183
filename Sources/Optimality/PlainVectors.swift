import Kernels

// Plain vectors, by the kernels with their fixed order of summation.

/// `Σ aᵢ bᵢ`.
func dot(_ a: [Double], _ b: [Double]) -> Double {
  if a.count != b.count { stop("A dot product of \(a.count) and \(b.count) numbers.") }
  return a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      guard let p = a.baseAddress, let q = b.baseAddress else { return 0 }
      return Vector.dot(p, q, count: a.count)
    }
  }
}

/// `√(Σ aᵢ²)`, without overflow or underflow.
func norm(_ a: [Double]) -> Double {
  a.withUnsafeBufferPointer { buffer in
    buffer.baseAddress.map { Vector.norm($0, count: buffer.count) } ?? 0
  }
}

/// `b ← b − α a`.
func subtract(_ alpha: Double, _ a: [Double], from b: inout [Double]) {
  if a.count != b.count { stop("A difference of \(b.count) and \(a.count) numbers.") }
  for i in b.indices { b[i] -= alpha * a[i] }
}
