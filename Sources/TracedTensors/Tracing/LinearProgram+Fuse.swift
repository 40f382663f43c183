import Kernels

// Terms that become one with others: composed with the terms of the node that they read, or merged with
// a term that has the same views.

extension Compiler {
  /// Replaces `term` by its compositions with all terms of its source; changes nothing and
  /// returns `false` if one of them is refused.
  mutating func substitute(_ term: Term, coefficients: inout [Tensor]) -> Bool {
    let range = nodes[Int(term.source)].fusedRange
    if current.count + range.count > Compiler.maximumTerms { return false }
    composed.removeAll(keepingCapacity: true)
    let volume = term.geometry.volume
    for index in range {
      let inner = fused[index]
      switch Composition.join(inner.geometry, term.geometry) {
      case .empty: continue
      case .refused: return false
      case .composed(let joint):
        var result = Term(
          geometry: StridedTerm(
            extents: joint.extents, output: joint.output, input: joint.input),
          scale: 0, bias: inner.bias * term.bias, source: inner.source,
          destination: term.destination)
        let work = result.geometry.volume
        // Never a larger box than the larger of the two: `u (vᵀ x)` must not become a matrix.
        if work > Swift.max(volume, inner.geometry.volume) { return false }
        switch (inner.coefficient >= 0, term.coefficient >= 0) {
        case (false, false): break
        case (true, false):
          result.coefficient = inner.coefficient
          result.geometry.coefficient = joint.first
          result.scale = inner.scale * term.bias
        case (false, true):
          result.coefficient = term.coefficient
          result.geometry.coefficient = joint.second
          result.scale = term.scale * inner.bias
        case (true, true):
          // Never a larger array than the smaller box: `D · X` must not copy the matrix.
          let limit = Swift.min(volume, inner.geometry.volume)
          guard
            let product = affineProduct(
              joint, inner, term, limit: limit, coefficients: coefficients)
          else { return false }
          result.coefficient = Int32(coefficients.count)
          coefficients.append(product.tensor)
          result.geometry.coefficient = product.view
          result.scale = 1
          result.bias = 0
        }
        normalise(&result, coefficients)
        composed.append(result)
      }
    }
    for index in composed.indices { merge(composed[index], true, &coefficients) }
    return true
  }

  /// `(s₁c₁ + b₁)(s₂c₂ + b₂)` as a new array over the axes on which either varies.
  private func affineProduct(
    _ joint: Composition, _ first: Term, _ second: Term, limit: Int, coefficients: [Tensor]
  ) -> (tensor: Tensor, view: StridedView)? {
    var extents = SIMD4<Int32>(repeating: 1)
    var view = StridedView()
    var count = 1
    for axis in stride(from: 3, through: 0, by: -1)
    where joint.extents[axis] != 1
      && (joint.first.strides[axis] != 0 || joint.second.strides[axis] != 0)
    {
      extents[axis] = joint.extents[axis]
      view.strides[axis] = Int32(count)
      count *= Int(joint.extents[axis])
    }
    if count > limit { return nil }
    let storage = Storage(uninitializedCount: count)
    TermExecutor.affineProduct(
      StridedTerm(extents: extents, output: view, coefficient: joint.first, input: joint.second),
      first.scale, coefficients[Int(first.coefficient)].storage.values, first.bias,
      second.scale, coefficients[Int(second.coefficient)].storage.values, second.bias,
      into: storage.base)
    return (Tensor(storage, Shape(vector: count)), view)
  }

  /// Adds a term to those of the node at hand, into one with equal views if there is one.
  mutating func merge(_ term: Term, _ mayMerge: Bool, _ coefficients: inout [Tensor]) {
    if mayMerge, term.isStrided {
      for place in current.indices
      where current[place].source == term.source && current[place].isStrided
        && current[place].geometry.extents == term.geometry.extents
        && current[place].geometry.output == term.geometry.output
        && current[place].geometry.input == term.geometry.input
      {
        let other = current[place]
        switch (other.coefficient >= 0, term.coefficient >= 0) {
        case (_, false):
          current[place].bias += term.bias
        case (false, true):
          current[place] = term
          current[place].bias += other.bias
        case (true, true):
          let sameArray =
            coefficients[Int(other.coefficient)].storage
            === coefficients[Int(term.coefficient)].storage
          if sameArray, other.geometry.coefficient == term.geometry.coefficient {
            current[place].scale += term.scale
            current[place].bias += term.bias
          } else {
            guard
              let sum = affineSum(other, term, limit: term.geometry.volume, coefficients)
            else { continue }
            current[place].coefficient = Int32(coefficients.count)
            coefficients.append(sum.tensor)
            current[place].geometry.coefficient = sum.view
            current[place].scale = 1
            current[place].bias = 0
          }
        }
        // What cancelled must go, or structure would show bands that are not there.
        if current[place].coefficient >= 0, current[place].scale == 0 {
          current[place].coefficient = -1
          current[place].geometry = current[place].geometry.canonical(hasCoefficient: false)
        }
        if current[place].coefficient < 0, current[place].bias == 0 { current.remove(at: place) }
        return
      }
    }
    if term.isStrided, term.coefficient < 0, term.bias == 0 { return }
    current.append(term)
  }

  /// `s₁c₁ + s₂c₂ + b₁ + b₂` as a new array, if both vary over the whole box.
  private func affineSum(
    _ first: Term, _ second: Term, limit: Int, _ coefficients: [Tensor]
  ) -> (tensor: Tensor, view: StridedView)? {
    let long = first.geometry.extents .> SIMD4<Int32>(repeating: 1)
    let fixed1 = first.geometry.coefficient.strides .== SIMD4<Int32>.zero
    let fixed2 = second.geometry.coefficient.strides .== SIMD4<Int32>.zero
    // Where both are constant along an axis (a matrix, repeated) one array per term is cheaper.
    if any(long .& (fixed1 .| fixed2)) { return nil }
    let extents = first.geometry.extents
    var view = StridedView()
    var count = 1
    for axis in stride(from: 3, through: 0, by: -1) where extents[axis] != 1 {
      view.strides[axis] = Int32(count)
      count *= Int(extents[axis])
    }
    if count > limit { return nil }
    let storage = Storage(uninitializedCount: count)
    TermExecutor.affineSum(
      StridedTerm(
        extents: extents, output: view, coefficient: first.geometry.coefficient,
        input: second.geometry.coefficient),
      first.scale, coefficients[Int(first.coefficient)].storage.values,
      second.scale, coefficients[Int(second.coefficient)].storage.values,
      first.bias + second.bias, into: storage.base)
    return (Tensor(storage, Shape(vector: count)), view)
  }
}
