import Base
import Codecs
import TensorCore

/// The groups, counts and codes of the quantization of a tensor of shape [batch, kv heads, tokens, head dim].
///
/// A slab is one head of one batch item, of shape [tokens, dim].
struct GearShape: Sendable {
  let part: CachePart
  let settings: GearSettings
  let info: TensorInfo
  let batch: Int
  let heads: Int
  let tokens: Int
  let dim: Int

  /// Creates the shape of a quantization.
  ///
  /// - Parameter info: A tensor of four dimensions.
  init(_ info: TensorInfo, _ part: CachePart, _ settings: GearSettings) {
    self.info = info
    self.part = part
    self.settings = settings
    let dimensions = info.shape.dimensions
    (batch, heads, tokens, dim) = (dimensions[0], dimensions[1], dimensions[2], dimensions[3])
  }

  var slabCount: Int { batch * heads }
  var slabElementCount: Int { tokens * dim }
  /// The number of entries of a token in all heads.
  var width: Int { heads * dim }

  // MARK: Outliers

  /// The number of outliers at each end, smallest and largest, of a channel of the keys or a token of the values.
  var extremeCount: Int {
    guard settings.outlierShare > 0 else { return 0 }
    if settings.isOfficial {
      // The authors count over all entries for keys and values, and truncate twice.
      let all = Int(Double(info.elementCount) * settings.outlierShare)  // fits: a share to 1
      let each = Double(all) / Double(max(1, batch)) / Double(max(1, tokens)) / 2
      return Int(each)  // fits: at most `all`
    }
    let length = part == .key ? tokens : width
    let share = settings.outlierShare / 2
    return max(1, Int((Double(length) * share).rounded()))  // fits: the share is at most a half
  }

  var hasOutliers: Bool { extremeCount > 0 || exactTail > 0 }

  /// The number of tokens at the end that the authors' simulation keeps exact, for keys with outliers.
  var exactTail: Int {
    guard settings.isOfficial, part == .key, settings.outlierShare > 0,
      let group = settings.keyGroup
    else { return 0 }
    return tokens % group
  }

  /// The maximum number of entries of the tensor that stay exact.
  var maximumKeptCount: Int {
    let lines = part == .key ? slabCount * dim : batch * tokens
    return min(2 * extremeCount * lines + exactTail * slabCount * dim, info.elementCount)
  }

  /// The maximum number of entries of a slab that stay exact.
  var maximumSlabKeptCount: Int {
    part == .key
      ? min(slabElementCount, (2 * extremeCount + exactTail) * dim)
      : min(slabElementCount, 2 * extremeCount * tokens)
  }

  // MARK: Codes

  /// The largest code, which is the number of steps between the minimum and the maximum of a group.
  var steps: Int {
    settings.isOfficial && settings.outlierShare > 0
      ? settings.bits * settings.bits - 1 : 1 << settings.bits - 1
  }

  /// The number of bits that the codes need.
  var codeBits: Int { Int.bitWidth - steps.leadingZeroBitCount }

  /// The number of bits of a code in memory: those of the stream if rows fill whole bytes, otherwise 8.
  var storedCodeBits: Int {
    [1, 2, 4].contains(codeBits) && dim * codeBits % 8 == 0 ? codeBits : 8
  }

  var slabCodeByteCount: Int { slabElementCount * storedCodeBits / 8 }

  /// True if codes are computed in the tensor's dtype, as the authors do for keys without outliers.
  var hasNarrowSteps: Bool {
    settings.isOfficial && part == .key && settings.outlierShare == 0 && info.dtype != .f32
  }

  // MARK: Groups

  /// The number of entries of a stored group along its axis.
  var group: Int {
    switch part {
    case .key: min(settings.keyGroup ?? tokens, tokens)
    case .value:
      settings.isOfficial
        ? Self.greatestDivisor(tokenGroup, dim) : min(settings.valueGroup ?? dim, dim)
    }
  }

  /// The number of entries of a token, over all heads, that share a scale in the authors' simulation.
  var tokenGroup: Int { min(settings.valueGroup ?? width, width) }

  private static func greatestDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? max(1, a) : greatestDivisor(b, a % b)
  }

  /// The axis of the tensor along which entries are grouped.
  var axis: Int { part == .key ? 2 : 3 }

  /// The grouping of a slab.
  var grouping: Grouping {
    Grouping(dimensions: [tokens, dim], axis: axis - 2, size: max(1, group), start: 0)
  }

  /// Returns the grouping of some tokens of a slab, which must start at the start of a group.
  func grouping(of tokens: Range<Int>) -> Grouping {
    Grouping(
      dimensions: [tokens.count, dim], axis: axis - 2, size: max(1, group), start: 0)
  }

  var slabCellCount: Int { grouping.cellCount(elementCount: slabElementCount) }

  /// The number of cells of one group of tokens (keys) or of one token (values).
  var cellsPerStep: Int { part == .key ? dim : (dim + max(1, group) - 1) / max(1, group) }

  /// Returns the codec of the dense term.
  func codec(scales: DType, packing: CodeStream.Packing) -> AffineCodec {
    AffineCodec(
      bits: codeBits, groups: GroupSpec(axis: axis, size: max(1, group)), scaleDType: scales,
      zero: .float, arithmetic: hasNarrowSteps ? .steps : .f32, packing: packing)
  }

  /// True if all heads of a token must be read together before values are quantized.
  var needsTokenSurvey: Bool {
    part == .value && (extremeCount > 0 || settings.isOfficial)
  }

  // MARK: Blocks

  /// The number of tokens of a head that are processed together: whole groups and whole bytes of masks.
  var blockTokenCount: Int {
    // The authors' simulation uses means of whole channels.
    guard !settings.isOfficial else { return tokens }
    var unit = part == .key ? max(1, group) : 1
    while unit * dim % 8 != 0 { unit *= 2 }
    let wanted = (Self.blockElementCount + unit * dim - 1) / max(1, unit * dim)
    return min(tokens, unit * max(1, wanted))
  }

  /// The target number of elements of a block, chosen so that a block stays in the cache of a core.
  private static let blockElementCount = 1 << 14

  /// The ranges of tokens of a head that are processed together.
  var blocks: [Range<Int>] {
    let size = max(1, blockTokenCount)
    return stride(from: 0, to: tokens, by: size).map { $0..<min(tokens, $0 + size) }
  }

  // MARK: Faults

  /// The maximum head dim for the nearest product; the time for eigenvectors grows with its third power.
  private static let maximumNearestDim = 1 << 12

  /// The reason why the tensor cannot be packed with these settings; nil if it can.
  var fault: GearFault? {
    guard info.dtype == .f16 || info.dtype == .bf16 || info.dtype == .f32 else {
      return GearFault("is \(info.dtype.name), expected F16, BF16 or F32")
    }
    guard settings.rank <= min(tokens, dim) else {
      return GearFault(
        "has \(tokens) tokens to pack and head dim \(dim), expected both to be at least the rank, \(settings.rank)",
        hint: "use a smaller \(setting: "rank")")
    }
    // The rank is limited by both dimensions, so only the limit of a single dimension can be exceeded here.
    guard (try? Shape([slabCount * tokens, settings.rank])) != nil,
      (try? Shape([slabCount * settings.rank, dim])) != nil
    else {
      return GearFault("is \(info.shape), which is too large for low-rank products of its heads")
    }
    if settings.isNearest, dim > Self.maximumNearestDim {
      return GearFault(
        "has head dim \(dim), expected \(Self.maximumNearestDim) or less with \(setting: "svd")")
    }
    guard settings.isOfficial else { return nil }
    if part == .key, settings.outlierShare == 0, let group = settings.keyGroup, tokens % group != 0
    {
      return GearFault(
        "has \(tokens) tokens, expected a multiple of the group size \(group) as in the authors' code"
      )
    }
    if part == .value, let group = settings.valueGroup, width % group != 0 {
      return GearFault(
        "has \(width) entries in a token, expected a multiple of the group size \(group)")
    }
    if part == .key, extremeCount > tokens {
      return GearFault(
        "has \(tokens) tokens, expected at least the \(extremeCount) outliers of each end")
    }
    return nil
  }
}
