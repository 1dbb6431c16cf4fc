import { access } from 'node:fs/promises';

/** Whether there is something of this name. @throws what the system says but that there is not */
export async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
