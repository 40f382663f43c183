/// Linear equalities `E z + Eₓ x + e = 0` and inequalities `G z + Gₓ x + h ≤ 0`.
package struct Constraints: Sendable {
  package let equalityCount: Int
  package let inequalityCount: Int
  /// `equalityCount × variableCount`, and times the inputs.
  package var E: [Double] = []
  package var Ex: [Double] = []
  package var e: [Double] = []
  /// `inequalityCount × variableCount`, and times the inputs.
  package var G: [Double] = []
  package var Gx: [Double] = []
  package var h: [Double] = []

  /// Adds `E z + Eₓ x + e` and `G z + Gₓ x + h` from row `row` on.
  func addValues(
    to system: inout Equations, row: Int, variableCount: Int, inputCount: Int, firstInput: Int
  ) {
    func add(_ matrix: [Double], _ inputs: [Double], _ constants: [Double], row: Int) {
      for i in constants.indices {
        for j in 0..<variableCount { system.add(matrix[i * variableCount + j], row: row + i, j) }
        for k in 0..<inputCount {
          system.add(inputs[i * inputCount + k], row: row + i, firstInput + k)
        }
        system.add(constants[i], row: row + i)
      }
    }
    add(E, Ex, e, row: row)
    add(G, Gx, h, row: row + equalityCount)
  }
}
