import ArgumentParser
import CacheCompression
import Caches
import Operations

/// The options that describe an input cache where its files do not.
struct CacheInputFlags: ParsableArguments {
  @Option(
    name: .customLong("from"),
    help: ArgumentHelp(
      "Layout of the input: " + CacheLayouts.all.map { $0.name }.joined(separator: ", ")
        + ". (default: detected from the files)",
      valueName: "layout"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "KV heads and head dim, such as 8x128, if not in the file.", valueName: "shape"))
  var kvShape: String?

  @Option(help: "Axes of three-dimensional tensors: htd (heads, tokens, dim) or thd.")
  var axes: CacheHints.Axes?

  @Option(
    help: ArgumentHelp(
      "Model that produced the cache, or its config.json. Sets heads and head dim; its name, hash and "
        + "rotary parameters are recorded.", valueName: "model"),
    completion: .file())
  var model: String?

  @Option(help: ArgumentHelp("Number of layers, if not in the file.", valueName: "n"))
  var layers: Int?

  @Option(
    name: .customLong("kv-dtype"),
    help: "Dtype of raw values, if not in the file: f16, bf16 or f32.")
  var dtype: FloatType?

  @Option(
    help: ArgumentHelp("Sequence to read from a llama.cpp file that has several.", valueName: "n"))
  var sequence: Int?

  @Option(
    help:
      "llama.cpp: whether quantized heads are rotated; auto follows llama.cpp since April 2026.")
  var rotated = CacheHints.Choice.auto

  @Option(
    help: "llama.cpp: rotary pairs in its keys; adjacent for Llama models. (default: adjacent)")
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

/// The options for the layout of a written cache.
struct CacheOutputFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Layout of the output: \(CacheLayouts.writable.map { $0.name }.joined(separator: ", ")). (default: "
        + "safetensors)", valueName: "layout"))
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

/// The options for packing a cache with GEAR and its variants.
struct GearFlags: ParsableArguments {
  @Option(
    help:
      "Method: \(GearSettings.Method.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: ", "))."
  )
  var method = GearSettings.Method.gear

  @Option(help: "Bits per code: 2, 3, 4 or 8.")
  var bits = 4

  @Option(
    help: ArgumentHelp(
      "Group size: tokens of a key channel, or entries of a value token, that share a scale. (default: 64)",
      valueName: "n"))
  var group: Int?

  @Option(help: ArgumentHelp("Rank of each head's low-rank product. (default: 4)", valueName: "r"))
  var rank: Int?

  @Option(
    help: ArgumentHelp(
      "Share of each key channel and value token that is stored exactly. (default: 2%)",
      valueName: "share"))
  var outliers: String?

  @Option(help: ArgumentHelp("Rounds of the power iteration. (default: 3)", valueName: "n"))
  var rounds: Int?

  @Flag(help: "Compute the best low-rank products from eigenvectors instead of power iteration.")
  var svd = false

  @Option(
    help: ArgumentHelp(
      "Start matrices of the iteration, [batch, heads, head dim, rank], as FILE or FILE:TENSOR.",
      valueName: "file"), completion: .file())
  var start: String?

  @Option(help: "official: use the counts, rounding and order of the authors' simulation.")
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
