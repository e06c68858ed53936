package import Base
import Checkpoints
import Surveys

extension SurveyFile {
  /// Reads a survey file.
  /// - Throws: `FormatError` with the path if the file is not a valid survey.
  package init(path: String) throws {
    let file = try InputFile(path: path)
    func fault(_ reason: String) -> FormatError {
      FormatError(
        .badSurvey, reason, path: path, hint: "create surveys with \(setting: "survey-out")")
    }
    guard file.byteCount <= 1 << 28 else { throw fault("is larger than 256 MiB") }
    let bytes = try file.bytes(at: 0, count: file.byteCount)
    let value: JSONValue
    do { value = try JSONValue.parse(bytes.span) } catch {
      throw fault("is not valid JSON: \(error)")
    }
    guard value["schema"] == .string(Self.schema) else {
      throw fault("is not a survey of this version, expected the schema '\(Self.schema)'")
    }
    guard let file = Self(json: value) else {
      throw fault("has missing or invalid survey fields")
    }
    self = file
  }

  /// Creates the survey of a document; nil if the document is not a survey.
  package init?(json: JSONValue) {
    guard case .object(let object) = json, object["schema"] == .string(Self.schema) else {
      return nil
    }
    self.init(object)
  }

  private init?(_ object: JSONObject) {
    guard case .array(let optionList)? = object["options"],
      let iteration = object["iteration"]?.asInt,
      (0...Pruning.iterationLimit).contains(iteration),
      let bits = object["threshold_bits"]?.asInt, let threshold = UInt32(exactly: bits),
      case .array(let tensorList)? = object["tensors"],
      case .array(let countList)? = object["counts"],
      case .array(let decisionList)? = object["decisions"],
      let question = object["question"].flatMap(GroupState.Question.init(json:))
    else { return nil }
    var options: [Lineage.Option] = []
    for case .object(let option) in optionList {
      guard case .string(let name)? = option["name"], case .string(let value)? = option["value"]
      else { return nil }
      options.append(Lineage.Option(name, value))
    }
    var tensors: [Tensor] = []
    for case .object(let tensor) in tensorList {
      guard case .string(let name)? = tensor["name"],
        let count = tensor["count"]?.asInt, count >= 0,
        let zeros = tensor["zeros"]?.asInt, zeros >= 0,
        let p = tensor["p_sum"]?.asDouble, let q = tensor["q_sum"]?.asDouble
      else { return nil }
      tensors.append(
        Tensor(
          name: name,
          tally: WeightTally(count: count, zeros: zeros, powers: PowerSums(p: p, q: q))))
    }
    let limit = question == .sums ? MagnitudeHistogram.binCount : 1 << 15
    var counts: [Int: UInt64] = [:]
    for case .array(let pair) in countList {
      guard pair.count == 2, let digit = pair[0].asInt, let count = pair[1].asInt,
        (0..<limit).contains(digit), (0..<1 << 56).contains(count), counts[digit] == nil
      else { return nil }
      counts[digit] = UInt64(count)
    }
    let decisions = decisionList.compactMap(SAP.Decision.init(json:))
    guard options.count == optionList.count, tensors.count == tensorList.count,
      counts.count == countList.count, decisions.count == decisionList.count
    else { return nil }
    self.init(
      options: options,
      state: GroupState(
        threshold: threshold, iteration: iteration, question: question, decisions: decisions),
      tensors: tensors, counts: counts)
  }
}

extension FormatError.Code {
  package static let badSurvey = FormatError.Code(
    "survey.malformed",
    meaning: "The survey of a shard is malformed, or belongs to a different model or options.",
    remedy: "Create the surveys of all shards again with the same options.")
}

extension GroupState.Question {
  fileprivate init?(json: JSONValue) {
    switch json {
    case .string("sums"): self = .sums
    case .object(let object):
      guard let bin = object["bin"]?.asInt, (0..<MagnitudeHistogram.finiteBinCount).contains(bin),
        let rank = object["rank"]?.asInt, rank >= 0,
        let nextBin = object["next_bin"]?.asInt,
        (0..<MagnitudeHistogram.finiteBinCount).contains(nextBin),
        let fraction = object["fraction"]?.asDouble, (0..<1).contains(fraction)
      else { return nil }
      // Methods that cut ties do not support surveys.
      self = .lowerBits(
        GroupState.LowerBits(
          bin: bin, rank: rank, fraction: Float(fraction), nextBin: nextBin, cutsTies: false))
    default: return nil
    }
  }
}

extension SAP.Decision {
  fileprivate init?(json: JSONValue) {
    guard case .object(let object) = json, let count = object["count"]?.asInt,
      let bound = object["bound"]?.asInt, let dropped = object["dropped"]?.asInt,
      let index = object["pqi"]?.asDouble, let ratio = object["ratio"]?.asDouble
    else { return nil }
    self.init(count: count, index: index, bound: bound, ratio: ratio, dropCount: dropped)
  }
}
