/// An operator with products that are cheaper, and nearly the same.
///
/// A product with a matrix that no cache holds takes the time of reading it. With the entries in single
/// precision, and all arithmetic in double, it reads half as much, and is the product of an operator
/// `Ã` that differs from `A` by `2⁻²⁴` of its entries. A solve may iterate with `Ã` and compute its
/// residuals with `A`: that is iterative refinement, and the solution is that of `A`.
///
/// Source: J. Langou, J. Langou, P. Luszczek, J. Kurzak, A. Buttari and J. Dongarra, "Exploiting the
/// Performance of 32 bit Floating Point Arithmetic in Obtaining 64 bit Accuracy" (2006); for inner
/// iterations, A. Buttari et al., ACM Trans. Math. Softw. 34 (2008), article 17.
package protocol HasRoundedForm: LinearOperator {
  /// `Ã`, symmetric where `A` is; `nil` where it would not be cheaper, or entries leave the range of single
  /// precision. Made at every call, for about two products with `A` and half of its memory.
  func roundedForm() -> (any LinearOperator)?
}

extension AdjointOperator: HasRoundedForm {
  package func roundedForm() -> (any LinearOperator)? {
    (base as? any HasRoundedForm)?.roundedForm().map { AdjointOperator($0) }
  }
}
