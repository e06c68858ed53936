import BLAS
import Base
import Caches
import Checkpoints
import Codecs
import Containers
import Differences
import Inspection
import Merging
import Operations
import Pruning
import Repeats
import RotaryScaling
import ScalingLaws
import SparCL
import TestSupport
import Testing
import Training

/// Tests of the properties that every operation has.
@Suite struct OperationRegistryTests {
  /// One value of each operation, no setting of which is the default.
  static let samples: [any Operation] = {
    var output = OutputSettings(path: "out.sumac")
    output.replacesExisting = true
    output.shardByteCount = 1 << 20
    output.compression = .small
    var selection = SelectionSettings()
    selection.rules = [.init(.include, "*mlp*"), .init(.exclude, "*bias")]
    var convert = ConvertOperation(input: "a", output: output)
    convert.dtype = .bf16
    convert.storage.tensorTypes = ["*=int4"]
    convert.selection = selection
    var prune = PruneOperation(input: "a", output: output)
    prune.settings.method = .wanda
    prune.settings.pattern = "2:4"
    prune.settings.seed = .max
    var survey = PruneSurveyOperation(input: "a", surveyOutput: "s.json")
    survey.surveys = ["b.json"]
    survey.replacesExisting = true
    var shares = PruneSweepOperation(input: "a", shares: [0.25])
    shares.settings.method = .random
    shares.rewind = "i"
    shares.output = SweepOutput(path: "x.svg")
    shares.output?.replacesExisting = true
    var types = ConvertSweepOperation(convert)
    types.types = ["int4"]
    types.output = shares.output
    var merge = MergeOperation(models: ["a", "b"], output: output)
    merge.settings.weights = [ModelValue(model: "a", number: 0.1), ModelValue(number: -2)]
    merge.settings.scope = .global
    merge.settings.allowsConfigMismatch = true
    var extract = VectorExtractOperation(tuned: "t", base: "b", output: output)
    extract.form.density = 0.1
    var rope = RopeScaleSettings(method: .yarn)
    rope.factor = 4
    var inspect = InspectOperation(inputs: ["a", "b"])
    inspect.sortKey = .size
    inspect.rowLimit = 10
    inspect.listsLayers = true
    inspect.selection = selection
    var explained = ExplainOperation(subject: "a")
    explained.replays = true
    var pack = CachePackOperation(caches: ["c"], output: output)
    pack.settings.outliers = "2%"
    pack.input.axes = .thd
    var batch = BatchOperation(
      folder: "d", models: [BatchModel(path: "a", name: "b", steps: [BatchStep(prune)])],
      steps: [BatchStep(convert)])
    batch.list = "l"
    batch.stopsAtFailure = true
    batch.page = "p.html"
    var plan = PlanOperation(path: "p", work: .output(PlannedOutput(prune)))
    plan.taskByteCount = 1 << 20
    plan.replacesExisting = true
    var emit = EmitOperation(plan: "p", engine: "slurm", folder: "d")
    emit.template = "t"
    emit.program = "s"
    emit.replacesExisting = true
    var list = TaskListOperation(plan: "p", stage: "apply")
    list.groupSize = 7
    list.entersFolder = true
    var task = TaskOperation(plan: "p", stage: "apply", first: 2, last: 3)
    task.entersFolder = true
    var text = EvaluationSettings(data: ["t", "f:n"])
    text.window = 64
    text.start = .never
    text.kernels = .portable
    var eval = EvalOperation(model: "m", settings: text)
    eval.against = "b"
    eval.comparesLayers = true
    var sequence = SequenceSettings(data: "t")
    sequence.tokenizer = "j"
    sequence.start = .always
    sequence.kernels = .portable
    sequence.context = 640
    var make = CacheMakeOperation(model: "m", text: sequence, length: 128, output: output)
    make.layout.name = "llamacpp"
    make.rotated = .no
    make.pairing = .halves
    var judge = CacheEvalOperation(cache: "c", against: "o", model: "m", text: sequence)
    judge.tokenLimit = 128
    judge.input.axes = .htd
    var training = TrainSettings(recipe: "r.yaml", data: ["d"])
    training.labels = "l"
    training.draws = "d:order"
    training.kernels = .portable
    var rounds = PruneRoundsOperation(model: "m", settings: training, output: "f", rounds: 3)
    rounds.method = .oneShot
    rounds.scope = .neuron
    rounds.amount = 0.2
    rounds.keepsWeights = true
    rounds.beta = 0.5
    rounds.selection.rules = [.init(.exclude, "head*")]
    var page = ReportOperation(subject: .model("m"), page: "report.html")
    page.evaluations = ["e.json"]
    page.calibration = "c"
    page.replacesExisting = true
    training.adapter = "lora:8"
    training.targets = ["q_proj"]
    var fit = RopeFitOperation(model: "m", settings: training, output: "f")
    fit.fit.maximumFactor = 8
    fit.fit.part = "clex"
    fit.fit.projectionRate = 1e-5
    var new = TrainNewOperation(architecture: "mlp:4,2", output: output)
    new.seed = .max
    var tasks = SparclTrainSettings(data: "d", tasks: "0,1/2", epochs: 3)
    tasks.sparsity = 0.9
    tasks.masks = .fixed
    tasks.replay = .er
    tasks.removal = "30%:2"
    tasks.layers = ["a*"]
    tasks.seed = .max
    var mask = SparclMaskOperation(input: "w", output: output)
    mask.grouping = .filter
    mask.result = .scores
    var forget = SparclForgetOperation(input: "s")
    forget.neverRight = 50
    var scan = RepeatsScanOperation(data: DataSettings(paths: ["d.jsonl"]))
    scan.plot = "s.svg"
    scan.replacesPlot = true
    var dedup = RepeatsDedupOperation(data: DataSettings(paths: ["d.jsonl"]), output: "o.jsonl")
    dedup.settings.levels = [.near, .ranges]
    dedup.settings.rangeLength = 64
    dedup.list = "l"
    dedup.replacesExisting = true
    var mixing = MixSettings(share: 0.5, times: 128, tokenCount: 1 << 20)
    mixing.length = 64
    mixing.seed = .max
    var mix = RepeatsMixOperation(
      data: DataSettings(paths: ["d.txt"]), settings: mixing, output: "o.u16")
    mix.tokenizer = "t"
    mix.separator = "s"
    mix.manifest = "m"
    var heads = RepeatsHeadsOperation(model: "m", kernels: .portable)
    heads.comparesPairs = false
    var probe = ProbeSettings()
    probe.tokens = "t"
    probe.start = 1
    var compare = RepeatsCompareOperation(first: "a", second: "b", settings: probe)
    compare.comparesWeightsOnly = true
    var sweep = RepeatsSweepOperation(recipe: "s.yaml", output: "f")
    sweep.kernels = .portable
    var losses = LossCurves.Settings()
    losses.window = 5
    losses.cases = [[1, 2.5]]
    var diff = DiffOperation(a: "a", b: "b")
    diff.map = "names"
    diff.metric = .cosine
    diff.tolerance = 0.5
    diff.selects = .changed
    diff.sortKey = .zeros
    diff.rowLimit = 3
    diff.listsLayers = true
    diff.failsOnDifference = true
    return [
      SparclTrainOperation(model: "m", settings: tasks, output: "f"), mask, forget,
      SparclUpdateOperation(
        input: "w", lower: 0.76, upper: 0.75, maskOutput: "m", output: output),
      SparclGradmaskOperation(input: "g", mask: "m", sparsity: 0.9, output: output),
      SparclBufferOperation(input: "s", size: 5, output: output),
      SparclDropOperation(input: "c", number: 3),
      SparclFlopsOperation(model: "m", sparsity: 0.9, gradientSparsity: 0.8),
      scan, dedup, mix, RepeatsPredictOperation(histogram: "h", parameters: 1e9, tokens: 1e11),
      heads,
      RepeatsProbeOperation(model: "m", settings: probe), compare,
      RepeatsFitOperation(table: "t.csv", settings: losses), sweep,
      page, ReportOperation(subject: .models("a", "b"), page: "report.html"), diff, convert, prune,
      survey, shares, types, merge, extract, eval, new, rounds, fit,
      TrainRunOperation(model: "m", settings: training, output: "f"),
      CalibrateOperation(model: "m", settings: text, output: output),
      VectorApplyOperation(vectors: ["v"], base: "b", output: output),
      VectorAddOperation(vectors: ["v", "w"], output: output),
      VectorNegateOperation(vector: "v", output: output),
      VectorCompressOperation(vector: "v", output: output), VectorStatsOperation(vectors: ["v"]),
      RopeShowOperation(model: "m"),
      RopeScaleOperation(model: "m", output: output, settings: rope),
      RopeConfigOperation(model: "m", path: "config.json", settings: rope), pack,
      CacheUnpackOperation(packed: "p", output: output),
      CacheAppendOperation(packed: "p", new: "n", output: output),
      CacheConvertOperation(caches: ["c"], output: output), CacheInspectOperation(caches: ["c"]),
      make, judge,
      inspect, VerifyOperation(inputs: ["a"]), explained,
      DoctorOperation(cleanedFolder: "d"), PackOperation(folder: "m", output: output),
      UnpackOperation(archive: "a.zip", output: output),
      batch, plan, PlanShowOperation(plan: "p"), emit,
      task, list,
    ]
  }()

  @Test("every operation has a verb of its own and a sample")
  func verbs() {
    let verbs = Operations.all.map { $0.verb }
    #expect(Set(verbs).count == verbs.count)
    #expect(Set(Self.samples.map { type(of: $0).verb }) == Set(verbs))
  }

  @Test("an operation comes back from JSON with every setting")
  func json() throws {
    for sample in Self.samples {
      let text = try Operations.json(sample)
      let read = try Operations.operation(json: text)
      #expect(type(of: read) == type(of: sample))
      #expect(try Operations.json(read) == text)
    }
  }

  @Test(
    "a document that is not an operation is refused with a reason",
    arguments: [
      ("", "is not an operation"), ("[]", "is not an operation"),
      (#"{"schema":"sumac.operation/2","verb":"convert","settings":{}}"#, "the schema is"),
      (#"{"schema":"sumac.operation/1","verb":"converd","settings":{}}"#, "converd"),
      (#"{"schema":"sumac.operation/1","verb":"convert","settings":{}}"#, "missing"),
      (#"{"schema":"sumac.operation/1","verb":"doctor"}"#, "missing"),
      (#"{"schema":"sumac.operation/1","verb":"explain","settings":{"subject":7}}"#, "subject"),
    ])
  func malformed(text: String, reason: String) {
    let error = #expect(throws: UsageError.self) {
      try Operations.operation(json: Array(text.utf8))
    }
    #expect(error?.message.contains(reason) == true, "\(error?.description ?? "")")
  }
}
