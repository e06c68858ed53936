import ArgumentParser
import CacheCompression
import Caches
import Operations

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
  var dtype: FloatType?

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

  var settings: CacheInputSettings {
    var settings = CacheInputSettings()
    settings.layout = from
    settings.shape = kvShape
    settings.axes = axes
    settings.model = model
    settings.layers = layers
    settings.dtype = dtype
    settings.sequence = sequence
    settings.rotated = rotated
    settings.pairing = pairing
    return settings
  }
}

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

  var settings: CacheLayoutSettings {
    var settings = CacheLayoutSettings()
    settings.name = layout
    settings.dtype = dtype
    return settings
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

  var settings: CachePackSettings {
    var settings = CachePackSettings()
    settings.method = method
    settings.bits = bits
    settings.group = group
    settings.rank = rank
    settings.outliers = outliers
    settings.rounds = rounds
    settings.isNearest = svd
    settings.start = start
    settings.isOfficial = parity == .official
    return settings
  }
}

extension GearSettings.Method: ExpressibleByArgument {}
extension CacheHints.Choice: ExpressibleByArgument {}
extension CacheHints.Pairing: ExpressibleByArgument {}
extension CacheHints.Axes: ExpressibleByArgument {}
