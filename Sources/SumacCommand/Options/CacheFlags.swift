import ArgumentParser
import Base
import CacheCompression
import Caches
import Checkpoints
import Models
import TensorCore

/// What a cache's files do not say.
struct CacheInputFlags: ParsableArguments {
  @Option(
    name: .customLong("from"),
    help: ArgumentHelp(
      "Layout of the input, if it is not to be told from the files: "
        + CacheLayouts.all.map { $0.name }.joined(separator: ", ") + ".",
      valueName: "layout"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "KV heads and head dim, such as 8x128, where the file does not say.", valueName: "shape"))
  var kvShape: String?

  @Option(help: "Order of tensors of three dimensions: htd (heads, tokens, dim) or thd.")
  var axes: CacheHints.Axes?

  @Option(
    help: ArgumentHelp(
      "The model that the cache is of, or its config.json: heads and head dim are taken from it, and its "
        + "name, hash and rotary parameters are kept.", valueName: "model"),
    completion: .file())
  var model: String?

  @Option(help: ArgumentHelp("Layers, where the file does not say.", valueName: "n"))
  var layers: Int?

  @Option(
    name: .customLong("kv-dtype"),
    help: "Dtype of raw values, where the file does not say: f16, bf16 or f32.")
  var dtype: FloatChoice?

  @Option(help: ArgumentHelp("Which of several sequences in a llama.cpp file.", valueName: "n"))
  var sequence: Int?

  @Option(
    help:
      "llama.cpp: whether quantized heads are rotated: auto (as since April 2026), yes or no.")
  var rotated = CacheHints.Choice.auto

  @Option(
    help:
      "llama.cpp: rotary pairs in its keys: adjacent (its Llama models, if not given) or halves.")
  var pairing: CacheHints.Pairing?

  func hints() throws -> CacheHints {
    var hints = CacheHints()
    hints.layout = from
    hints.axes = axes
    hints.layers = layers
    hints.dtype = dtype?.dtype
    hints.sequence = sequence
    hints.rotated = rotated
    hints.pairing = pairing
    if let model { try hints.read(model: model) }
    if let kvShape {
      let parts = kvShape.lowercased().split(separator: "x").map { Int($0) }
      guard parts.count == 2, let heads = parts[0], let dim = parts[1], heads > 0, dim > 0
      else {
        throw UsageError(
          "--kv-shape \(kvShape.printable) is no shape", hint: "KV heads x head dim, such as 8x128")
      }
      (hints.heads, hints.headDim) = (heads, dim)
    }
    return hints
  }

  /// What `--model` says, if it is given.
  func details() throws -> CacheDetails? {
    guard let model else { return nil }
    var details = CacheDetails()
    details.describeModel(
      named: ModelConfigFile.name(model), config: try ModelConfigFile.read(model).bytes)
    return details
  }

  func read(_ paths: [String], global: GlobalOptions) throws -> KVCache {
    var cache: KVCache
    if paths == ["-"] {
      cache = try CacheLayouts.read([Inputs.spool(global)], try hints())
      cache.origin.path = Inputs.standardInputName
    } else {
      cache = try CacheLayouts.read(paths, try hints())
    }
    if !global.quiet {
      for note in cache.origin.notes { Terminal.warn(note, color: global.color) }
    }
    return cache
  }
}

/// How a cache is packed.
struct GearFlags: ParsableArguments {
  @Option(
    help:
      "\(GearSettings.Method.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: ", "))."
  )
  var method = GearSettings.Method.gear

  @Option(help: "Bits of a code: 2, 3, 4 or 8.")
  var bits = 4

  @Option(
    help: ArgumentHelp(
      "Tokens of a channel, and entries of a token, that share a scale; 64 if not given.",
      valueName: "n"))
  var group: Int?

  @Option(help: ArgumentHelp("Rank of each head's product; 4 if not given.", valueName: "r"))
  var rank: Int?

  @Option(
    help: ArgumentHelp(
      "Entries of each key channel and value token that stay exact; 2% if not given.",
      valueName: "share"))
  var outliers: String?

  @Option(help: ArgumentHelp("Rounds of the power iteration; 3 if not given.", valueName: "n"))
  var rounds: Int?

  @Flag(help: "The nearest products, by eigenvectors, instead of power iteration.")
  var svd = false

  @Option(
    help: ArgumentHelp(
      "Tensors [batch, heads, head dim, rank] that the iteration starts from, as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var start: String?

  @Option(help: "official counts, rounds and orders as the authors' simulation does.")
  var parity: Parity?

  enum Parity: String, CaseIterable, ExpressibleByArgument { case official }

  func settings() throws -> GearSettings {
    var errors: [any UserError] = []
    func fault(_ message: String, hint: String? = nil) {
      errors.append(UsageError(message, hint: hint))
    }
    var settings = GearSettings()
    settings.bits = bits
    if ![2, 3, 4, 8].contains(bits) { fault("--bits is \(bits), expected 2, 3, 4 or 8") }
    if let group {
      if !method.hasGroups {
        fault("--group has no meaning for --method \(method.rawValue), whose groups are whole")
      }
      if !(1...1 << 20 ~= group) { fault("--group is \(group), expected 1 to \(1 << 20)") }
    }
    settings.keyGroup = method.hasGroups ? group ?? 64 : nil
    settings.valueGroup = settings.keyGroup
    for (name, isGiven) in [
      ("--rank", rank != nil), ("--rounds", rounds != nil), ("--svd", svd),
      ("--start", start != nil),
    ] where isGiven && !method.hasProduct {
      fault("\(name) has no meaning for --method \(method.rawValue), which has no product")
    }
    if method.hasProduct {
      settings.rank = rank ?? 4
      if !(0...1024 ~= settings.rank) { fault("--rank is \(settings.rank), expected 0 to 1024") }
      settings.roundCount = rounds ?? 3
      if !(1...100 ~= settings.roundCount) {
        fault("--rounds is \(settings.roundCount), expected 1 to 100")
      }
      settings.isNearest = svd
      if svd, rounds != nil { fault("--rounds has no meaning with --svd") }
    }
    if method.hasOutliers {
      let text = outliers ?? "2%"
      if let share = Self.share(text), share >= 0, share <= 0.5 {
        settings.outlierShare = share
      } else {
        fault("--outliers \(text.printable) is no share", hint: "up to half, such as 2% or 0.02")
      }
    } else if outliers != nil {
      fault("--outliers has no meaning for --method \(method.rawValue), which has none")
    }
    settings.isOfficial = parity == .official
    try SeveralErrors.throwIfAny(errors)
    return settings
  }

  private static func share(_ text: String) -> Double? {
    text.hasSuffix("%") ? Double(text.dropLast()).map { $0 / 100 } : Double(text)
  }

  /// The start matrices, if there are some.
  func startMatrices(global: GlobalOptions) throws -> CacheStart? {
    guard let start else { return nil }
    if FileSystem.targetType(start) == nil, let colon = start.lastIndex(of: ":") {
      return try CacheStart(
        Inputs.read(String(start[..<colon]), global: global),
        name: String(start[start.index(after: colon)...]))
    }
    return try CacheStart(Inputs.read(start, global: global), name: nil)
  }
}

extension CacheHints {
  /// Takes heads, head dim and layers from a model's configuration.
  mutating func read(model: String) throws {
    let (path, bytes) = try ModelConfigFile.read(model)
    guard let root = try? JSONValue.parse(bytes.span).asObject else {
      throw FormatError(.cacheLayout, "is no JSON object", path: path)
    }
    let object = root["text_config"]?.asObject ?? root
    let heads = object["num_attention_heads"]?.asInt
    self.heads = object["num_key_value_heads"]?.asInt ?? heads
    if let dim = object["head_dim"]?.asInt {
      headDim = dim
    } else if let hidden = object["hidden_size"]?.asInt, let heads, heads > 0 {
      headDim = hidden / heads
    }
    layers = layers ?? object["num_hidden_layers"]?.asInt
    guard self.heads.map({ $0 > 0 }) ?? false, headDim.map({ $0 > 0 }) ?? false else {
      throw FormatError(
        .cacheLayout, "has no num_key_value_heads and head_dim above 0", path: path)
    }
  }
}

/// The configuration of a model that a cache is of.
enum ModelConfigFile {
  /// Of a model folder, or a config.json itself.
  static func read(_ model: String) throws -> (path: String, bytes: [UInt8]) {
    let path = model.hasSuffix(".json") ? model : model + "/" + ModelConfig.name
    let file = try InputFile(path: path)
    guard file.byteCount <= ModelConfig.maximumByteCount else {
      throw FormatError(.cacheLayout, "is over 16 MiB", path: path)
    }
    return (path, try file.bytes(at: 0, count: file.byteCount))
  }

  /// What the model is called.
  static func name(_ model: String) -> String {
    model.hasSuffix(".json")
      ? FileSystem.ownName(of: FileSystem.parent(of: model)) : FileSystem.ownName(of: model)
  }
}

extension GearSettings.Method: ExpressibleByArgument {}
extension CacheHints.Choice: ExpressibleByArgument {}
extension CacheHints.Pairing: ExpressibleByArgument {}
extension CacheHints.Axes: ExpressibleByArgument {}
