from smoke.executor.namespace import kubeconfig, template

__all__ = ["kubeconfig", "template"]
