/// A piece of memory that a recording or a structure of tensors keeps alive.
///
/// Two holders of the same numbers (a table of data that every recorded step multiplies with) hold
/// the same block: whoever adds up bytes counts it once.
package struct MemoryBlock: Hashable, Sendable {
  /// Whose memory it is; unique while that object lives.
  package let identity: ObjectIdentifier

  /// Its size.
  package let bytes: Int

  init(_ storage: Storage) {
    identity = ObjectIdentifier(storage)
    bytes = storage.count * MemoryLayout<Double>.stride
  }

  init(_ table: IndexTable) {
    identity = ObjectIdentifier(table)
    bytes = table.count * MemoryLayout<Int32>.stride
  }

  /// The instructions of a recording.
  init(instructionsOf trace: Trace) {
    identity = ObjectIdentifier(trace)
    bytes = trace.terms.count * MemoryLayout<Term>.stride + trace.counts.count * 8
  }
}

extension Trace {
  /// What the recording keeps: its instructions, coefficients and index tables, each once.
  var memoryBlocks: Set<MemoryBlock> {
    var blocks: Set<MemoryBlock> = [MemoryBlock(instructionsOf: self)]
    for coefficient in coefficients { blocks.insert(MemoryBlock(coefficient.storage)) }
    for table in tables { blocks.insert(MemoryBlock(table)) }
    return blocks
  }
}

extension TensorStructure {
  /// The numbers of the tensors that derivatives are taken of.
  package var memoryBlocks: Set<MemoryBlock> { Set(variables.map { MemoryBlock($0.storage) }) }
}
