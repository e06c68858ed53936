import Base
import Checkpoints
import TensorCore
import Zstd

/// Writes a checkpoint of one tensor as an .npy file.
struct NPYWriter: CheckpointWriter {
  private let tensor: LazyTensor
  private let header: [UInt8]
  let plan: OutputPlan

  var isDirectory: Bool { false }

  /// - Throws: ``UsageError`` unless there is exactly one tensor, of a dtype of NumPy.
  init(_ checkpoint: Checkpoint, options: WriterOptions) throws {
    let output = try NumPyOutput(checkpoint, options: options, format: "an .npy file")
    guard output.tensors.count == 1, let tensor = output.tensors.first,
      let header = NPYHeader.written(for: tensor.info)
    else {
      throw UsageError(
        "an .npy file holds one tensor, but there are \(output.tensors.count)",
        hint: "write an .npz file, or choose one tensor with \(setting: "include")")
    }
    self.tensor = tensor
    self.header = header
    let info = tensor.info
    var notes = output.notes
    notes.append(
      "an .npy file has no place for the name '\(tensor.name.printable)'; its reader sees an array")
    plan = OutputPlan(
      rows: [
        OutputPlan.Row(
          name: tensor.name, shape: info.shape, from: tensor.stored.label, to: info.dtype.name,
          byteCount: info.byteCount, isExact: true, file: "")
      ],
      companions: [], byteCount: header.count + info.byteCount, isExact: true,
      demand: MemoryBudget.Demand(
        fixedByteCount: 4096,
        workerByteCount: Self.workspaceByteCount(of: tensor) + ZstdSettings.decompressionByteCount),
      tileCount: info.grid.count, valueByteCount: info.byteCount, notes: notes)
  }

  private static func workspaceByteCount(of tensor: LazyTensor) -> Int {
    Engine.workspaceByteCount(of: [tensor], extra: { _ in 0 })
  }

  func write(to output: AtomicOutput, engine: Engine) throws {
    try output.writeFile { file in
      try file.reserve(byteCount: plan.byteCount)
      try file.write(header.rawSpan, at: 0)
      if let source = tensor.source.fileBytes, source.dtype == tensor.info.dtype,
        source.range.count == tensor.info.byteCount
      {
        var copies = FileCopies()
        copies.add(source.range, of: source.file, to: header.count, index: 0)
        try copies.write(to: file, engine: engine)
        engine.progress.finish(tensor: tensor.info)
        return
      }
      try engine.forEachTile(
        of: [tensor], workspaceByteCount: Self.workspaceByteCount(of: tensor)
      ) { _, tile, values, _ in
        let bytes = tensor.info.bytes(of: tile.elements)
        try file.write(values, at: header.count + bytes.lowerBound)
      }
    }
  }
}
