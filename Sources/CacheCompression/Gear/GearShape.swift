import Base
import Codecs
import TensorCore

/// How a tensor [batch, kv heads, tokens, head dim] is quantized: what its groups, counts and codes are.
struct GearShape: Sendable {
  let part: CachePart
  let settings: GearSettings
  let info: TensorInfo
  let batch: Int
  let heads: Int
  let tokens: Int
  let dim: Int

  /// - Parameter info: of four dimensions.
  init(_ info: TensorInfo, _ part: CachePart, _ settings: GearSettings) {
    self.info = info
    self.part = part
    self.settings = settings
    let dimensions = info.shape.dimensions
    (batch, heads, tokens, dim) = (dimensions[0], dimensions[1], dimensions[2], dimensions[3])
  }

  /// A head of an item of the batch: [tokens, dim].
  var slabCount: Int { batch * heads }
  var slabElementCount: Int { tokens * dim }
  /// Entries of a token in all heads.
  var width: Int { heads * dim }

  // MARK: Outliers

  /// Of each side: the least, and the greatest.
  var extremeCount: Int {
    guard settings.outlierShare > 0 else { return 0 }
    if settings.isOfficial {
      // As the authors count, for both parts: by all entries, cut twice.
      let all = Int(Double(info.elementCount) * settings.outlierShare)
      return Int(Double(all) / Double(max(1, batch)) / Double(max(1, tokens)) / 2)
    }
    let length = part == .key ? tokens : width
    return max(1, Int((Double(length) * settings.outlierShare / 2).rounded()))
  }

  var hasOutliers: Bool { extremeCount > 0 || exactTail > 0 }

  /// Tokens at the end that the authors' keys with outliers leave as they are.
  var exactTail: Int {
    guard settings.isOfficial, part == .key, settings.outlierShare > 0,
      let group = settings.keyGroup
    else { return 0 }
    return tokens % group
  }

  /// Entries that stay exact, at most.
  var mostKeptCount: Int {
    let lines = part == .key ? slabCount * dim : batch * tokens
    return min(2 * extremeCount * lines + exactTail * slabCount * dim, info.elementCount)
  }

  /// Of a slab.
  var mostSlabKeptCount: Int {
    part == .key
      ? min(slabElementCount, (2 * extremeCount + exactTail) * dim)
      : min(slabElementCount, 2 * extremeCount * tokens)
  }

  // MARK: Codes

  /// Codes above 0.
  var steps: Int {
    settings.isOfficial && settings.outlierShare > 0
      ? settings.bits * settings.bits - 1 : 1 << settings.bits - 1
  }

  /// What the steps fit in.
  var codeBits: Int { Int.bitWidth - steps.leadingZeroBitCount }

  /// Bits that a code takes until it is written: those of the stream where rows fill bytes, else 8.
  var storedCodeBits: Int {
    [1, 2, 4].contains(codeBits) && dim * codeBits % 8 == 0 ? codeBits : 8
  }

  var slabCodeByteCount: Int { slabElementCount * storedCodeBits / 8 }

  /// Whether the authors' arithmetic is that of the tensor's own dtype.
  var hasNarrowSteps: Bool {
    settings.isOfficial && part == .key && settings.outlierShare == 0 && info.dtype != .f32
  }

  // MARK: Groups

  /// Positions of a stored group along its axis.
  var group: Int {
    switch part {
    case .key: min(settings.keyGroup ?? tokens, tokens)
    case .value:
      settings.isOfficial
        ? Self.greatestDivisor(tokenGroup, dim) : min(settings.valueGroup ?? dim, dim)
    }
  }

  /// Entries of a token that share a scale, over all heads, as the authors have it.
  var tokenGroup: Int { min(settings.valueGroup ?? width, width) }

  private static func greatestDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? max(1, a) : greatestDivisor(b, a % b)
  }

  var axis: Int { part == .key ? 2 : 3 }

  /// Of a slab.
  var grouping: Grouping {
    Grouping(dimensions: [tokens, dim], axis: axis - 2, size: max(1, group), start: 0)
  }

  /// Of some of a slab's tokens, which start where a group does.
  func grouping(of tokens: Range<Int>) -> Grouping {
    Grouping(
      dimensions: [tokens.count, dim], axis: axis - 2, size: max(1, group), start: 0)
  }

  var slabCellCount: Int { grouping.cellCount(elementCount: slabElementCount) }

  /// The cells of a row of groups: of one group of tokens, or of one token.
  var cellsPerStep: Int { part == .key ? dim : (dim + max(1, group) - 1) / max(1, group) }

  func codec(scales: DType, packing: CodeStream.Packing) -> AffineCodec {
    AffineCodec(
      bits: codeBits, groups: GroupSpec(axis: axis, size: max(1, group)), scaleDType: scales,
      zero: .float, arithmetic: hasNarrowSteps ? .steps : .f32, packing: packing)
  }

  /// Whether values need a look at all heads of a token first.
  var needsTokenSurvey: Bool {
    part == .value && (extremeCount > 0 || settings.isOfficial)
  }

  // MARK: Blocks

  /// Tokens of a head that are worked on together: whole groups, whole bytes of masks.
  var blockTokenCount: Int {
    // The authors' means are of whole channels.
    guard !settings.isOfficial else { return tokens }
    var unit = part == .key ? max(1, group) : 1
    while unit * dim % 8 != 0 { unit *= 2 }
    let wanted = (Self.blockElementCount + unit * dim - 1) / max(1, unit * dim)
    return min(tokens, unit * max(1, wanted))
  }

  /// What stays near while it is worked on.
  private static let blockElementCount = 1 << 14

  /// Ranges of a head's tokens.
  var blocks: [Range<Int>] {
    let size = max(1, blockTokenCount)
    return stride(from: 0, to: tokens, by: size).map { $0..<min(tokens, $0 + size) }
  }

  // MARK: Faults

  /// Eigenvectors take the third power of a head's values.
  private static let mostNearestDim = 1 << 12

  /// Why the tensor cannot be packed so; nil if it can.
  var fault: Message? {
    guard info.dtype == .f16 || info.dtype == .bf16 || info.dtype == .f32 else {
      return "is \(info.dtype.name), expected F16, BF16 or F32"
    }
    guard settings.rank <= min(tokens, dim) else {
      return
        "has \(tokens) tokens to pack and heads of \(dim), too few for rank \(settings.rank)"
    }
    // With the rank inside both, the products are no larger than the tensor; each dimension has a limit too.
    guard (try? Shape([slabCount * tokens, settings.rank])) != nil,
      (try? Shape([slabCount * settings.rank, dim])) != nil
    else { return "is \(info.shape), too large for factors of its heads" }
    if settings.isNearest, dim > Self.mostNearestDim {
      return "has heads of \(dim), \(setting: "svd") is for heads up to \(Self.mostNearestDim)"
    }
    guard settings.isOfficial else { return nil }
    if part == .key, settings.outlierShare == 0, let group = settings.keyGroup, tokens % group != 0
    {
      return
        "has \(tokens) tokens, no multiple of the group of \(group), which the authors' code refuses"
    }
    if part == .value, let group = settings.valueGroup, width % group != 0 {
      return "has \(width) entries in a token, no multiple of the group of \(group)"
    }
    if part == .key, extremeCount > tokens {
      return "has \(tokens) tokens, fewer than the \(extremeCount) outliers of each side"
    }
    return nil
  }
}
