import Checkpoints
import Merging
import Operations
import Pruning
import RotaryScaling

/// An operation that tasks can do, and the stages that its plan has.
enum PlannedCase: String, CaseIterable, Sendable {
  case copy, cast, castWithoutLineage, prunePQI, pruneTwice, pruneLayers, pruneNeurons,
    prunePattern, rewind, average, ties, tiesTogether, tiesWithRescaling, breadcrumbsTogether,
    slerp, dare, longer

  var stages: [String] {
    switch self {
    case .castWithoutLineage: ["apply", "assemble"]
    case .copy, .cast, .pruneLayers, .pruneNeurons, .prunePattern, .average, .ties, .slerp, .dare,
      .longer:
      ["identify", "combine-1", "apply", "assemble"]
    case .prunePQI, .rewind:
      [
        "identify", "survey-1", "combine-1", "survey-2", "combine-2", "apply", "assemble",
      ]
    case .pruneTwice:
      ["identify"] + (1...4).flatMap { ["survey-\($0)", "combine-\($0)"] } + ["apply", "assemble"]
    case .tiesTogether, .tiesWithRescaling, .breadcrumbsTogether:
      ["identify"] + (1...3).flatMap { ["survey-\($0)", "combine-\($0)"] } + ["apply", "assemble"]
    }
  }

  func operation(_ output: OutputSettings) -> any OutputOperation {
    switch self {
    case .copy: return ConvertOperation(input: PlanWorkspace.base, output: output)
    case .cast, .castWithoutLineage:
      var convert = ConvertOperation(input: PlanWorkspace.base, output: output)
      convert.dtype = .f16
      convert.isSaturating = true
      convert.output.recordsLineage = self == .cast
      return convert
    case .prunePQI, .pruneTwice, .pruneLayers, .pruneNeurons, .prunePattern, .rewind:
      return prune(output)
    case .longer:
      var settings = RopeScaleSettings(method: .yarn)
      settings.factor = 4
      return RopeScaleOperation(model: PlanWorkspace.base, output: output, settings: settings)
    case .average, .ties, .tiesTogether, .tiesWithRescaling, .breadcrumbsTogether, .slerp, .dare:
      return merge(output)
    }
  }

  private func prune(_ output: OutputSettings) -> PruneOperation {
    var prune = PruneOperation(input: PlanWorkspace.base, output: output)
    switch self {
    case .pruneTwice:
      prune.settings.method = .magnitude
      prune.settings.amount = 0.3
      prune.settings.iterations = 2
    case .pruneLayers: prune.settings.scope = .layer
    case .pruneNeurons:
      prune.settings.scope = .neuron
    case .prunePattern:
      prune.settings.method = .nm
      prune.settings.pattern = "2:4"
    case .rewind: prune.rewind = PlanWorkspace.models[0]
    default: break
    }
    return prune
  }

  private func merge(_ output: OutputSettings) -> MergeOperation {
    var merge = MergeOperation(models: PlanWorkspace.models, output: output)
    merge.settings.base = PlanWorkspace.base
    merge.settings.densities = [ModelValue(number: 0.3)]
    switch self {
    case .average:
      merge.settings.method = "linear"
      merge.settings.base = nil
      merge.settings.densities = []
    case .slerp:
      merge.models = [PlanWorkspace.models[0]]
      merge.settings.method = "slerp"
      merge.settings.t = 0.3
      merge.settings.densities = []
    case .dare: merge.settings.method = "dare_ties"
    case .breadcrumbsTogether:
      merge.settings.method = "breadcrumbs"
      merge.settings.scope = .global
      merge.settings.gammas = [ModelValue(number: 0.05)]
    case .tiesTogether:
      merge.settings.method = "ties"
      merge.settings.scope = .global
    case .tiesWithRescaling:
      merge.settings.method = "ties"
      merge.settings.scope = .global
      merge.settings.rescales = true
    default: merge.settings.method = "ties"
    }
    return merge
  }
}
