"A plugin for mypy: what fastcore's `@patch` adds to a class is one of its attributes; its arguments are not checked"
from mypy.nodes import MDEF, Decorator, NameExpr, SymbolTableNode, Var
from mypy.plugin import ClassDefContext, Plugin
from mypy.types import AnyType, TypeOfAny, UnboundType


def add_patches(context: ClassDefContext) -> None:
    "Add the methods that the module of the class patches into it"
    for definition in context.api.modules[context.api.cur_mod_id].defs:
        if not isinstance(definition, Decorator): continue
        is_patch = any(isinstance(d, NameExpr) and d.name == 'patch' for d in definition.original_decorators)
        owner = definition.func.arguments[0].type_annotation if definition.func.arguments else None
        if is_patch and isinstance(owner, UnboundType) and owner.name == context.cls.name:
            method = Var(definition.func.name, AnyType(TypeOfAny.explicit))
            method.info = context.cls.info
            context.cls.info.names.setdefault(method.name, SymbolTableNode(MDEF, method))

class PatchPlugin(Plugin):
    def get_customize_class_mro_hook(self, fullname):
        return add_patches

def plugin(version):
    return PatchPlugin
