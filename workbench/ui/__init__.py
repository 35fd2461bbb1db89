"""What a person sees: the study, the draggable plot, the panels and the app."""

from workbench.ui.quick_import import import_jsonschema_without_grammars

import_jsonschema_without_grammars()
