// TorchScript modules behind plain functions. tch has no way to a module's buffers, nor to set what it computes with.
// Whoever gets a text frees it.

#include <ATen/Version.h>
#include <torch/script.h>
#include <cstring>
#include <map>

using c10::IValue;
using torch::Tensor;
using torch::jit::Module;

namespace {
// Whether two tensors have their values in one place.
bool share(const Tensor &one, const Tensor &other) {
    return one.defined() && other.defined() && one.has_storage() && other.has_storage() && one.is_alias_of(other);
}

// Whether they are the same values in the same order, too.
bool same(const Tensor &one, const Tensor &other) {
    return share(one, other) && one.data_ptr() == other.data_ptr() && one.sizes() == other.sizes() && one.strides() == other.strides();
}

// Parameters, and buffers that training moves: a mask of infinities is a constant.
bool is_given(const Tensor &tensor, bool parameter) {
    return parameter || (tensor.is_floating_point() && tensor.isfinite().all().item<bool>());
}

// A module, with tensors of the caller. What else is in it is as it was saved whenever the caller says so.
struct Script {
    Module module;
    std::vector<std::pair<std::string, Tensor>> parameters, buffers;
    // Places in lists that hold such a tensor too, as those of an LSTM do.
    std::multimap<std::string, std::pair<c10::List<Tensor>, size_t>> listed;
    // All else: whole numbers, lists, constants.
    std::vector<std::tuple<Module, std::string, IValue>> kept;

    explicit Script(Module loaded) : module(std::move(loaded)) {
        for (const auto &named : module.named_parameters())
            parameters.emplace_back(named.name, named.value);
        for (const auto &named : module.named_buffers())
            if (is_given(named.value, false))
                buffers.emplace_back(named.name, named.value);
        for (const auto &part : module.modules())
            for (const auto &named : part.named_attributes(false))
                sort(part, named.name, named.value);
    }

    void sort(const Module &part, const std::string &name, const IValue &value) {
        if (name == "training" || value.isModule() || (value.isTensor() && !names(value.toTensor()).empty()))
            return;
        bool holds_given = false;
        if (value.isTensorList()) {
            auto tensors = value.toTensorList();
            for (size_t place = 0; place < tensors.size(); place++) {
                auto given = names(tensors.get(place));
                for (const auto &each : given)
                    listed.emplace(each, std::make_pair(tensors, place));
                if (given.empty())
                    refuse_hidden(name, tensors.get(place));
                holds_given |= !given.empty();
            }
        } else {
            refuse_hidden(name, value);
        }
        if (holds_given)
            return;
        try {
            kept.emplace_back(part, name, value.isTuple() || value.isObject() ? value : value.deepcopy());
        } catch (const c10::Error &) {
            // Of a kind that libtorch does not copy, as complex numbers: it is left alone.
        }
    }

    // A parameter that is held in another form would stay as it was saved, whatever is trained.
    void refuse_hidden(const std::string &name, const IValue &value) const {
        std::string hidden;
        value.visit([&](const IValue &inner) {
            if (inner.isTensor())
                for (const auto &[given, tensor] : parameters)
                    if (share(tensor, inner.toTensor()))
                        hidden = given;
            return inner.isModule();
        });
        if (!hidden.empty())
            throw std::runtime_error("its attribute " + name + " holds " + hidden + " in another form, where training would not reach it (hint: compute with the parameter itself)");
    }

    // The names of a tensor of the caller's.
    std::vector<std::string> names(const Tensor &tensor) const {
        std::vector<std::string> all;
        for (const auto *some : {&parameters, &buffers})
            for (const auto &[name, given] : *some)
                if (tensor.defined() && same(given, tensor))
                    all.push_back(name);
        return all;
    }
};

// The error of what was done, or none.
template <typename F> char *caught(F &&act) {
    try {
        act();
        return nullptr;
    } catch (const c10::Error &error) {
        return strdup(error.what_without_backtrace());
    } catch (const std::exception &error) {
        return strdup(error.what());
    }
}

// The submodule that owns `path`, and the name there.
std::pair<Module, std::string> owner(const Module &module, const std::string &path) {
    Module at = module;
    size_t from = 0;
    for (size_t dot; (dot = path.find('.', from)) != std::string::npos; from = dot + 1)
        at = at.attr(path.substr(from, dot - from)).toModule();
    return {at, path.substr(from)};
}
} // namespace

extern "C" {

char *fedmpi_script_load(const char *bytes, size_t length, Script **into) {
    return caught([&] {
        std::istringstream stream(std::string(bytes, length));
        *into = new Script(torch::jit::load(stream, torch::kCPU));
    });
}

void fedmpi_script_free(Script *script) { delete script; }

// Tells the name of each parameter, then of each buffer that training moves, with a tensor that the listener owns.
char *fedmpi_script_tensors(Script *script, void *to, void (*tell)(void *, const char *, Tensor *, bool)) {
    return caught([&] {
        for (const auto &[name, tensor] : script->parameters)
            tell(to, name.c_str(), new Tensor(tensor), true);
        for (const auto &[name, tensor] : script->buffers)
            tell(to, name.c_str(), new Tensor(tensor), false);
    });
}

char *fedmpi_script_set(Script *script, const char *path, Tensor *tensor) {
    return caught([&] {
        auto [at, name] = owner(script->module, path);
        at.setattr(name, *tensor);
        auto [first, end] = script->listed.equal_range(path);
        for (auto place = first; place != end; ++place)
            place->second.first.set(place->second.second, *tensor);
    });
}

// Tensors go beside another one, but for single values, which are asked for on the host. What is shared stays so.
char *fedmpi_script_reset(Script *script, Tensor *beside) {
    return caught([&] {
        IValue::HashIdentityIValueMap memo;
        for (const auto &[at, name, value] : script->kept) {
            Module part = at;
            bool single = value.isTensor() && value.toTensor().defined() && value.toTensor().dim() == 0;
            bool fixed = value.isTuple() || value.isObject();
            auto device = single ? std::nullopt : std::make_optional(beside->device());
            part.setattr(name, fixed ? value : value.deepcopy(memo, device));
        }
    });
}

// Computes in training or as it is used; random numbers come from the seed.
char *fedmpi_script_forward(Script *script, Tensor *input, bool training, uint64_t seed, Tensor **output) {
    return caught([&] {
        script->module.train(training);
        torch::manual_seed(seed);
        // What is run must not depend on how often it ran before.
        torch::jit::setGraphExecutorOptimize(false);
        *output = new Tensor(script->module.forward({*input}).toTensor());
    });
}

char *fedmpi_libtorch_about() { return strdup(at::show_config().c_str()); }
}
