import ArgumentParser
import Base
import Caches
import Checkpoints
import TensorCore

/// How a cache is written.
struct CacheOutputFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Layout of the output: \(CacheLayouts.writable.map { $0.name }.joined(separator: ", ")); safetensors if "
        + "not given.", valueName: "layout"))
  var layout: String?

  @Option(
    help: ArgumentHelp(
      "Dtype of the values: f32, f16 or bf16; llamacpp also q8_0 and q4_0.", valueName: "dtype"))
  var dtype: String?
}

/// Writes a cache in a layout.
struct CacheConversion {
  let global: GlobalOptions
  let writer: WriterFlags
  let layout: CacheOutputFlags
  let verb: String

  func run(_ cache: KVCache, hints: CacheHints) throws {
    let start = ContinuousClock.now
    let name = layout.layout ?? LayeredLayout.name
    guard name != LayeredLayout.name else { return try writeLayered(cache) }
    guard let target = CacheLayouts.writable.first(where: { $0.name == name }) else {
      throw UsageError(
        "--layout \(name.printable) is none that is written",
        hint: "they are \(CacheLayouts.writable.map { $0.name }.joined(separator: ", "))")
    }
    let isLlama = name == LlamaLayout.name
    let cast = try isLlama ? cache : self.cast(cache)
    let request = CacheOutput(
      path: writer.output, dtype: isLlama ? layout.dtype : nil, hints: hints)
    let job = try OutputJob(
      target.checkedWriter(cast, request), to: writer.output, inputs: cache.origin.files,
      replacesExisting: writer.force)
    try OutputCommand(global: global, writer: writer).run(
      job, format: name, inputs: [cache.origin],
      notes: target.losses(of: cast), since: start)
  }

  private func writeLayered(_ cache: KVCache) throws {
    var output = try cast(cache).checkpoint
    output.metadata.removeAll { $0.key == CacheDetails.metadataKey }
    let container = try writer.container
    var errors: [any UserError] = []
    if container.isFolder {
      errors.append(
        UsageError("a cache is one file in this layout", hint: "name a .safetensors file with -o"))
    }
    try OutputCommand(global: global, writer: writer).run(
      verb: verb, options: layout.dtype.map { [Lineage.Option("dtype", $0)] } ?? [],
      inputs: [cache.origin], output: output, errors: errors, carried: [])
  }

  private func cast(_ cache: KVCache) throws -> KVCache {
    guard let text = layout.dtype else { return cache }
    guard let dtype = FloatChoice(rawValue: text.lowercased())?.dtype else {
      throw UsageError(
        "--dtype \(text.printable) is not for this layout", hint: "expected f32, f16 or bf16")
    }
    return try cache.cast(to: dtype)
  }
}
