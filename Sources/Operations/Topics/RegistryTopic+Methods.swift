import Base
import CacheCompression
import Checkpoints
import Merging
import Rotary
import RotaryScaling

/// Methods and storage types as topics, from their registries.
extension RegistryTopic {
  static var pruning: [RegistryTopic] {
    PruneSettings.Method.allCases.map { method in
      RegistryTopic(
        method.rawValue, usage: ["sumac prune --by \(method.rawValue)"], text(of: method))
    }
  }

  private static func text(of method: PruneSettings.Method) -> String {
    switch method {
    case .pqi:
      """
      The PQ Index measures how unequal the magnitudes of d weights are:
      I = 1 - d^(1/q - 1/p) * |w|_p / |w|_q, with 0 < p < q. It is 0 if all are equal and grows
      with sparsity. A theorem derives the number of weights to keep from it:
      at least d * (1 - I)^(pq/(q - p)) * (1 + eta)^(-q/(q - p)). Weights with the smallest
      magnitudes are set to zero; at most the share --beta in each iteration.
      What it loses: the values of the pruned weights. Others keep every bit.
      Source: Diao et al., "Pruning Deep Neural Networks from a Sparsity Perspective", ICLR 2023.
      """
    case .magnitude:
      """
      Sets the share --amount of the weights with the smallest magnitudes to zero, among all
      weights, those of a layer, or those of a neuron (--scope).
      What it loses: the values of the pruned weights.
      """
    case .nm:
      """
      Keeps the n largest of every m consecutive weights of a row (--pattern, default 2:4), as
      sparse tensor cores require.
      What it loses: the values of the other m - n weights.
      """
    case .random:
      """
      Sets a random share --amount of the weights to zero, reproducibly for a --seed. A baseline
      for comparisons. What it loses: the values of the pruned weights.
      """
    case .wanda:
      """
      Ranks each weight by its magnitude times the norm of its input feature (--norms), within
      each neuron, and sets the share --amount or all but a --pattern to zero.
      What it loses: the values of the pruned weights.
      Source: Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", 2023.
      """
    }
  }

  static var rounds: [RegistryTopic] {
    PruneRoundsOperation.Method.allCases.filter { $0 != .pqi }.map { method in
      RegistryTopic(
        method.rawValue, usage: ["sumac prune --rounds N --by \(method.rawValue)"],
        text(of: method))
    }
  }

  private static func text(of method: PruneRoundsOperation.Method) -> String {
    switch method {
    case .pqi: text(of: PruneSettings.Method.pqi)
    case .lottery:
      """
      Each round sets the share --amount of the weights that are left to zero, those with the
      smallest magnitudes in the model that the round before trained, and trains the others
      again from their start.
      What it loses: the values of the pruned weights.
      Source: Frankle and Carbin, "The Lottery Ticket Hypothesis", ICLR 2019.
      """
    case .oneShot:
      """
      As lottery, but all rounds choose by the magnitudes in the model that was trained before
      anything was pruned.
      What it loses: the values of the pruned weights.
      """
    }
  }

  static var merging: [RegistryTopic] {
    MergeMethods.all.map { method in
      let parameters = method.parameters.map { parameter in
        let value =
          switch parameter.defaultValue {
          case .number(let number): "default \(number)"
          case .bool(let flag): "default \(flag)"
          case .required: "required"
          case .optional: "optional"
          }
        return "  \(parameter.name): \(value)\(parameter.isPerModel ? ", for each model" : "")"
      }
      return RegistryTopic(
        method.name, usage: ["sumac merge --method \(method.name)"],
        """
        Result: \(method.summary).
        \(method.explanation)
        \(method.needsBase ? "Needs the base that the models were tuned from.\n" : "")\
        Parameters:
        \(parameters.joined(separator: "\n"))
        """)
    }
  }

  static var rope: [RegistryTopic] {
    RopeMethod.allCases.map { method in
      RegistryTopic(
        method.rawValue, usage: ["sumac rope scale --method \(method.rawValue)"],
        "Rotary frequencies for a longer context: \(method.summary).\n\(details(of: method))")
    }
  }

  private static func details(of method: RopeMethod) -> String {
    switch method {
    case .clex:
      """
      A model tuned with CLEX contains a small network that continues its frequencies as a
      differential equation of the length. The equation is solved for one length, --time times
      the trained one, and the frequencies are frozen, so that any runtime can use the model.
      What it loses: the frequencies of other lengths; --short-exact keeps those up to the
      trained length.
      Source: Chen et al., "CLEX: Continuous Length Extrapolation", ICLR 2024.
      """
    case .pi:
      """
      Divides all frequencies by --factor, so that positions fit into the trained length.
      What it loses: the distance between neighbors shrinks; the model needs tuning.
      Source: Chen et al., "Extending Context Window via Position Interpolation", 2023.
      """
    case .ntk:
      """
      Raises the base of the frequencies, so that the slowest one is divided by --factor and the
      fastest one stays.
      What it loses: precision of distances between slow dimensions, at all lengths.
      """
    case .dynamic:
      """
      Raises the base of the frequencies with the length in use. Up to the trained length, the
      frequencies stay as they are.
      What it loses: keys that were computed at another length have other frequencies.
      """
    case .yarn:
      """
      Divides the slow frequencies by --factor, keeps the fast ones, and goes from one to the
      other along a ramp (--beta-fast, --beta-slow). Attention scores are scaled.
      What it loses: little without tuning for small factors; more for large ones.
      Source: Peng et al., "YaRN", ICLR 2024.
      """
    case .longrope:
      """
      Divides each frequency by its own factor (--factors), from one list up to the trained
      length and another beyond it.
      What it loses: depends on the factors, which others have searched for.
      Source: Ding et al., "LongRoPE", ICML 2024.
      """
    case .llama3:
      """
      Divides the frequencies of long waves by --factor, keeps those of short waves, and goes
      smoothly from one to the other.
      What it loses: precision of long distances.
      Source: the configuration of Llama 3.1.
      """
    }
  }

  static var caches: [RegistryTopic] {
    GearSettings.Method.allCases.map { method in
      RegistryTopic(
        method.rawValue, usage: ["sumac cache pack --method \(method.rawValue)"],
        "A key-value cache, stored as: \(method.summary).\n\(details(of: method))")
    }
  }

  private static func details(of method: GearSettings.Method) -> String {
    switch method {
    case .gear:
      """
      Keys are quantized per channel and values per token, in groups of --group entries with
      codes of --bits. The share --outliers of the largest and smallest entries stays exact, and
      a product of rank --rank for each head approximates the error that remains.
      What it loses: the rest of that error, which cache inspect --against measures.
      Source: Kang et al., "GEAR", 2024.
      """
    case .gearL:
      """
      As gear, without exact outliers: codes, and a product of low rank for each head.
      What it loses: the error that the product does not approximate.
      Source: Kang et al., "GEAR", 2024.
      """
    case .kivi:
      """
      Keys are quantized per channel and values per token, in groups of --group entries; the
      newest --residual tokens stay exact.
      What it loses: the rounding of the codes.
      Source: Liu et al., "KIVI", ICML 2024.
      """
    case .kcvt:
      """
      Keys are quantized per channel and values per token, with one scale for a whole channel or
      token.
      What it loses: the rounding of the codes, more than with groups.
      Source: Kang et al., "GEAR", 2024, table of baselines.
      """
    case .gearKCVT:
      """
      As gear, with the codes of kcvt.
      What it loses: the error that product and outliers do not approximate.
      Source: Kang et al., "GEAR", 2024.
      """
    case .gearLKCVT:
      """
      As gear-l, with the codes of kcvt.
      What it loses: the error that the product does not approximate.
      Source: Kang et al., "GEAR", 2024.
      """
    }
  }

  static var types: [RegistryTopic] {
    StorageType.names.map { type in
      let loss =
        type.kind == .lossless
        ? "What it loses: nothing."
        : "What it loses: precision; the error of each tensor is recorded and shown by inspect."
      return RegistryTopic(
        type.name, usage: ["sumac convert --type \(type.name)"],
        "\(type.summary).\n\(loss)\nOptions after a colon: see sumac explain types")
    }
  }
}
