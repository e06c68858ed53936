import Base
import Checkpoints
import TensorCore
import Zip
import Zstd

/// Writes a checkpoint as an .npz file of stored members, in the order of the catalog.
///
/// The values of each array start at a multiple of 64 bytes in the file.
struct NPZWriter: CheckpointWriter {
  private let tensors: [LazyTensor]
  private let headers: [[UInt8]]
  private let layout: ZipLayout
  let plan: OutputPlan

  var isDirectory: Bool { false }

  /// - Throws: ``UsageError`` if NumPy has no dtype for a tensor; ``FormatError`` if a name cannot be that of a member.
  init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    let output = try NumPyOutput(checkpoint, options: options, format: "an .npz file")
    tensors = output.tensors
    headers = tensors.map { NPYHeader.written(for: $0.info) ?? [] }
    layout = try ZipLayout(
      zip(tensors, headers).map { tensor, header in
        ZipLayout.Entry(
          name: tensor.name + NPZContainer.memberSuffix,
          byteCount: header.count + tensor.info.byteCount)
      }, path: checkpoint.path)
    let workerByteCount = Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })
    plan = OutputPlan(
      rows: tensors.map { tensor in
        OutputPlan.Row(
          name: tensor.name, shape: tensor.info.shape, from: tensor.stored.label,
          to: tensor.info.dtype.name, byteCount: tensor.info.byteCount, isExact: true, file: "")
      },
      companions: [], byteCount: layout.byteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: layout.fixedByteCount + 512 * tensors.count,
        workerByteCount: workerByteCount + ZstdSettings.decompressionByteCount),
      tileCount: tensors.reduce(0) { $0 + $1.info.grid.count },
      valueByteCount: tensors.reduce(0) { $0 + $1.info.byteCount }, notes: output.notes)
  }

  func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      try file.reserve(byteCount: layout.byteCount)
      let checksums = ZipMemberChecksums(layout)
      for (index, header) in headers.enumerated() {
        try file.write(header.rawSpan, at: layout.dataOffsets[index])
        checksums.add(header.rawSpan, member: index, at: 0)
      }
      try engine.forEachTile(
        of: tensors, workspaceByteCount: Engine.workspaceByteCount(of: tensors, extra: { _ in 0 })
      ) { _, tile, values, _ in
        let offset =
          headers[tile.tensor].count
          + tensors[tile.tensor].info.bytes(of: tile.elements).lowerBound
        checksums.add(values, member: tile.tensor, at: offset)
        try file.write(values, at: layout.dataOffsets[tile.tensor] + offset)
      }
      try layout.write(checksums.all, to: file)
    }
  }
}
