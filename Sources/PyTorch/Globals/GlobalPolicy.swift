/// The rules by which a function or class that a pickle names is admitted.
///
/// Nothing that a pickle names is ever called, so no file can run code here. The rules exist because such a file runs
/// code in other programs, and because a file with names that only look like those of PyTorch is not what it claims to
/// be. Every name is looked at when the pickle names it, whether it is used or not.
///
/// **Refused**, with the name and its byte offset:
/// - Names that are not ASCII identifiers, modules that are not dotted ASCII identifiers: spaces, dots inside a name,
///   letters of other scripts.
/// - Names that start and end with two underscores.
/// - Names that run, load or import in any module, such as `system`, `eval`, `load` and `getattr`.
/// - Modules of Python's standard library, except the plain data types in ``StandardTypes``.
/// - Packages whose purpose is to run, install or load code: ``toolPackages``.
/// - In NumPy, everything except arrays, dtypes, scalar types and the state of random numbers.
/// - In PyTorch, everything except: the functions that rebuild tensors, storages, dtypes, layouts, `Size`, `device`;
///   classes (names that start with an upper-case letter after underscores) outside of the modules that load or run
///   code; and the mathematical functions of `torch.nn.functional`, which may be named but not called. A function
///   `_rebuild_…` or a class `…Storage` that is not known is refused.
/// - Modules that differ from `torch`, `numpy` and others only in upper-case letters.
///
/// **Admitted** are the exceptions above, and every other module: its classes and functions become records with a name,
/// arguments and state.
enum GlobalPolicy {
  /// A name that is not admitted, with the reason.
  struct Refusal: Error, Equatable {
    var reason: String
  }

  /// Returns the role of a function or class.
  static func role(of global: PickleGlobal.Name) throws(Refusal) -> GlobalRole {
    let (module, name) = (global.module, global.name)
    guard isIdentifier(name),
      module.split(separator: ".", omittingEmptySubsequences: false)
        .allSatisfy({ isIdentifier($0) })
    else { throw Refusal(reason: "is not a name of ASCII letters, digits and underscores") }
    if let role = StandardTypes.role(module: module, name: name) { return role }
    if name.hasPrefix("__"), name.hasSuffix("__") {
      throw Refusal(reason: "is a special name, which no data needs")
    }
    let package = module.split(separator: ".").first.map(String.init) ?? module
    if StandardLibrary.modules.contains(package) {
      throw Refusal(reason: "belongs to Python's standard library and is not a plain data type")
    }
    switch package {
    case "torch": return try TorchGlobals.role(module: module, name: name)
    case "numpy": return try NumPyGlobals.role(module: module, name: name)
    default: break
    }
    if toolPackages.contains(package) || toolPackages.contains(package.lowercased()) {
      throw Refusal(reason: "belongs to a package that runs, installs or loads code")
    }
    if imitated.contains(package.lowercased()) {
      throw Refusal(reason: "imitates the name of another module")
    }
    if verbs.contains(name) {
      throw Refusal(reason: "is the name of a function that runs, loads or imports")
    }
    return .record
  }

  static func isIdentifier(_ text: some StringProtocol) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 48...57, 65...90, 97...122, 95: true
      default: false
      }
    }
  }

  /// True if a name is written as that of a class: its first letter is in upper case.
  static func isClassName(_ name: String) -> Bool {
    name.utf8.first { $0 != 95 }.map { (65...90).contains($0) } ?? false
  }

  /// Names that run, load or import, whatever module they are in.
  static let verbs: Set<String> = [
    "system", "popen", "Popen", "popen2", "popen3", "spawn", "spawnl", "spawnv", "execl", "execv",
    "execve", "execfile", "exec",
    "eval", "compile", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "run",
    "runcode", "runsource", "run_path", "run_module", "import_module", "getattr", "setattr",
    "delattr", "open", "urlopen", "urlretrieve", "load", "loads", "unpickle", "read_pickle",
    "load_module", "load_library", "load_state_dict_from_url", "load_url", "loadtxt", "genfromtxt",
    "fromfile", "memmap", "rmtree", "remove", "unlink", "rename", "startfile", "fork", "kill",
    "breakpoint", "input", "apply", "partial", "attrgetter", "methodcaller", "itemgetter",
    "globals", "locals", "vars", "interact", "start_server", "cdll",
  ]

  /// Packages whose purpose is to run, install or load code.
  static let toolPackages: Set<String> = [
    "pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel", "conda", "easy_install",
    "ipython", "ipykernel", "jupyter_client", "jupyter_core", "notebook", "nbconvert", "dill",
    "cloudpickle", "joblib", "jsonpickle", "pytest", "_pytest", "nose", "py",
    "invoke", "fabric", "sh", "plumbum", "pexpect", "ptyprocess", "paramiko", "ansible", "celery",
    "psutil", "requests", "httpx", "aiohttp", "urllib3", "win32api", "win32com", "win32process",
    "win32event", "pythoncom", "pywintypes", "cffi", "pyximport", "cython", "execnet", "rpyc",
    "pyro4", "pyro5", "gevent", "tornado", "triton", "cupy", "numba",
    "pydevd", "debugpy", "pudb", "ipdb", "rpdb", "twisted", "docker", "kubernetes", "boto",
    "boto3", "botocore",
  ]

  /// Modules that a name must not imitate.
  private static let imitated: Set<String> = [
    "torch", "numpy", "collections", "builtins", "__builtin__", "os", "sys", "posix", "nt",
    "subprocess", "importlib", "copyreg",
  ]
}
