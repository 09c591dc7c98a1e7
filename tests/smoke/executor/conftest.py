from executor_namespace import kubeconfig, template

__all__ = ["kubeconfig", "template"]
