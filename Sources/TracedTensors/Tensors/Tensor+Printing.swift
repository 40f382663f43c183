extension Tensor: CustomStringConvertible {
  /// The numbers, nested by rows; matrices with their columns aligned, long axes abbreviated.
  /// A traced tensor prints its values.
  public var description: String {
    let numbers = rawScalars
    if rank == 0 { return text(numbers[0]) }
    if rank == 2 { return alignedMatrix(numbers) }
    var place = 0
    return nested(numbers, axis: 0, &place)
  }

  private static let shown = 8

  private func text(_ value: Double) -> String {
    if value == value.rounded(), value.magnitude < 1e15 { return String(Int(value)) }
    return value.description
  }

  /// The places shown along an axis, `nil` standing for those left out.
  private func places(_ extent: Int) -> [Int?] {
    if extent <= 2 * Tensor.shown { return Array(0..<extent) }
    return Array(0..<Tensor.shown) + [nil] + Array((extent - Tensor.shown)..<extent)
  }

  private func nested(_ numbers: [Double], axis: Int, _ place: inout Int) -> String {
    if axis == rank { return text(numbers[place]) }
    let step = dimensions.strides[axis]
    let start = place
    let parts = places(dimensions[axis]).map { index -> String in
      guard let index else { return "…" }
      var inner = start + index * step
      return nested(numbers, axis: axis + 1, &inner)
    }
    let separator = axis + 1 < rank ? ",\n" + String(repeating: " ", count: axis + 1) : ", "
    return "[" + parts.joined(separator: separator) + "]"
  }

  private func alignedMatrix(_ numbers: [Double]) -> String {
    let columns = dimensions[1]
    let rows = places(dimensions[0]).map { row -> [String] in
      places(columns).map { column in
        guard let row, let column else { return "…" }
        return text(numbers[row * columns + column])
      }
    }
    var widths = [Int](repeating: 0, count: rows.first?.count ?? 0)
    for row in rows {
      for (column, cell) in row.enumerated() {
        widths[column] = Swift.max(widths[column], cell.count)
      }
    }
    let lines = rows.map { row in
      "["
        + zip(row, widths).map { cell, width in
          String(repeating: " ", count: width - cell.count) + cell
        }.joined(separator: ", ") + "]"
    }
    return "[" + lines.joined(separator: ",\n ") + "]"
  }
}
