/// An operator of the library's own, which may know that its statements about itself are true.
///
/// What an operator states (its transposed product beside its product, its structure, its entries)
/// is probed before a solver builds on it, see `OperatorProbes.swift`. Stored matrices and recorded
/// programs need no probe: their products, their entries and their structure are read off the same
/// numbers. Sums, multiples and compositions are as good as their parts.
package protocol ProvenOperator: LinearOperator {
  /// Whether products, transposed products, structure and entries are those of one matrix by the way
  /// they are made.
  var isProven: Bool { get }
}

extension LinearOperator {
  /// Whether what the operator states about itself has to be tried before it is believed.
  package var needsProbe: Bool { !((self as? any ProvenOperator)?.isProven ?? false) }
}

extension DenseOperator: ProvenOperator {
  package var isProven: Bool { true }
}

extension BandedOperator: ProvenOperator {
  package var isProven: Bool { true }
}

extension DiagonalOperator: ProvenOperator {
  package var isProven: Bool { true }
}

extension IdentityOperator: ProvenOperator {
  package var isProven: Bool { true }
}

extension AdjointOperator: ProvenOperator {
  package var isProven: Bool { !base.needsProbe }
}

extension ScaledOperator: ProvenOperator {
  package var isProven: Bool { !base.needsProbe }
}

extension ShiftedOperator: ProvenOperator {
  package var isProven: Bool { !base.needsProbe }
}

extension RankShiftedOperator: ProvenOperator {
  package var isProven: Bool { !base.needsProbe }
}

extension SumOperator: ProvenOperator {
  package var isProven: Bool { !first.needsProbe && !second.needsProbe }
}

extension ComposedOperator: ProvenOperator {
  package var isProven: Bool { !outer.needsProbe && !inner.needsProbe }
}
